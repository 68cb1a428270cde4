#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Known patterns and their check; standard library only.

pattern.py make FILE [-n FRAMES] [-c CH] [-f s16|s32|f32] [--seed N] [--lead FRAMES] [--trail FRAMES]   (a FILE.wav gets a header)
    pseudo-random full-scale 16-bit values (-32768 and 32767 among them), never 0, no two 16-frame runs alike
pattern.py check SENT RECORDED [-c CH] [-f FMT of SENT] [-g FMT of RECORDED] [-r RATE]
    finds the sent frames in the recording: lead (frames before), gaps (frames put in), losses (frames dropped),
    exact or not. Exit 0 only when every sent frame is there, in order, exact, without gap.
"""
import argparse, array, struct, sys
W = {'s16': 2, 's32': 4, 'f32': 4}

def values(n, seed):
    x = seed or 1
    for _ in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) & 0xffffffffffffffff
        v = ((x >> 40) & 0xffff) - 32768
        yield v if v else 1

def encode(vals, fmt):
    if fmt == 's16': return array.array('h', vals).tobytes()
    if fmt == 's32': return array.array('i', [v << 16 for v in vals]).tobytes()
    return array.array('f', [v / 32768.0 for v in vals]).tobytes()

def decode16(data, fmt):
    """to 16-bit integers; second result: largest distance from an exact 16-bit value, in 16-bit steps"""
    if fmt == 's16':
        a = array.array('h'); a.frombytes(data[:len(data)//2*2]); return a, 0.0
    if fmt == 's32':
        a = array.array('i'); a.frombytes(data[:len(data)//4*4])
        return array.array('h', [v >> 16 for v in a]), max((((v & 0xffff)/65536) for v in a), default=0)
    a = array.array('f'); a.frombytes(data[:len(data)//4*4])
    out = array.array('h'); e = 0.0
    for v in a:
        s = v * 32768.0; r = max(-32768, min(32767, round(s))); d = abs(s - r)
        if d > e: e = d
        out.append(r)
    return out, e

def load(path):
    """raw samples; a WAV or AU file's data chunk without its header"""
    d = open(path, 'rb').read()
    if d[:4] == b'RIFF' and d[8:12] == b'WAVE':
        i = 12
        while i + 8 <= len(d):
            n = struct.unpack_from('<I', d, i + 4)[0]
            if d[i:i+4] == b'data':
                return d[i+8:] if n in (0, 0xffffffff) or i + 8 + n > len(d) else d[i+8:i+8+n]
            i += 8 + n + (n & 1)
        return b''
    return d

def wav(data, fmt, ch, rate):
    w = W[fmt]; tag = 3 if fmt == 'f32' else 1
    h = struct.pack('<4sIHHIIHH', b'fmt ', 16, tag, ch, rate, rate*ch*w, ch*w, w*8)
    if tag == 3: h += struct.pack('<4sII', b'fact', 4, len(data)//(ch*w))
    return b'RIFF' + struct.pack('<I', 4 + len(h) + 8 + len(data)) + b'WAVE' + h + struct.pack('<4sI', b'data', len(data)) + data

def main():
    p = argparse.ArgumentParser(); sub = p.add_subparsers(dest='cmd', required=True)
    m = sub.add_parser('make'); m.add_argument('file'); m.add_argument('-n', type=int, default=96000)
    m.add_argument('-c', type=int, default=2); m.add_argument('-f', default='s16'); m.add_argument('--seed', type=int, default=7)
    m.add_argument('-r', type=int, default=48000); m.add_argument('--lead', type=int, default=0, help='frames of silence first'); m.add_argument('--trail', type=int, default=0, help='frames of silence after')
    c = sub.add_parser('check'); c.add_argument('sent'); c.add_argument('rec'); c.add_argument('-c', type=int, default=2)
    c.add_argument('-f', default='s16'); c.add_argument('-g', default=None); c.add_argument('-r', type=int, default=48000)
    c.add_argument('--tail-ok', type=int, default=0, help='frames that may be missing at the end')
    a = p.parse_args()
    if a.cmd == 'make':
        v = list(values(a.n * a.c, a.seed))
        v[10 * a.c] = -32768; v[11 * a.c] = 32767
        v = [0]*(a.lead*a.c) + v + [0]*(a.trail*a.c)
        d = encode(v, a.f)
        open(a.file, 'wb').write(wav(d, a.f, a.c, a.r) if a.file.endswith('.wav') else d); return 0
    sent, _ = decode16(load(a.sent), a.f)
    rec, frac = decode16(load(a.rec), a.g or a.f)
    F = 2 * a.c; K = 16
    s, r = sent.tobytes(), rec.tobytes(); ns, nr = len(s)//F, len(r)//F
    def find(hay, needle, start):
        i = hay.find(needle, start*F)
        while i >= 0 and i % F: i = hay.find(needle, i + 1)
        return -1 if i < 0 else i//F
    lost0 = 0; i = -1
    while lost0 < ns and i < 0:                      # the first sent run that is in the recording
        i = find(r, s[lost0*F:(lost0+K)*F], 0)
        if i < 0: lost0 += 64 if lost0 else 1
        if lost0 > 48000: break
    nz = next((k for k, v in enumerate(rec) if v), None)
    if i < 0:
        print(f'NOT FOUND: sent {ns} frames, recorded {nr}, first nonzero frame {None if nz is None else nz//a.c}', end=' ')
        if nz is not None:
            k = nz//a.c; print('rec', list(rec[k*a.c:k*a.c+8]), 'sent', list(sent[:8]), end='')
        print(); return 1
    lead, si, ri, gaps, losses, wrong = i, lost0, i, [], [], 0
    while si < ns and ri < nr:
        n = min(ns-si, nr-ri); lo = 0; step = n
        if s[si*F:(si+n)*F] != r[ri*F:(ri+n)*F]:
            lo, hi = 0, n                            # longest equal run, by halving
            while lo + 1 < hi:
                mid = (lo+hi)//2
                if s[si*F:(si+mid)*F] == r[ri*F:(ri+mid)*F]: lo = mid
                else: hi = mid
            si += lo; ri += lo
            if ns - si < K or not any(rec[ri*a.c:]): break
            j = find(r, s[si*F:(si+K)*F], ri); q = find(s, r[ri*F:(ri+K)*F], si)
            if q >= 0 and nr-ri >= K and (j < 0 or q - si <= j - ri): losses.append((si, q-si)); si = q
            elif j >= 0: gaps.append((si, j-ri)); ri = j
            else:
                sk = next((t for t in range(1, 20000, 7) if find(r, s[(si+t)*F:(si+t+K)*F], ri) >= 0), None)
                if sk is None: wrong += ns-si; break
                j = find(r, s[(si+sk)*F:(si+sk+K)*F], ri); losses.append((si, sk)); gaps.append((si, j-ri)); si += sk; ri = j
        else: si += n; ri += n
    left = ns - si
    exact = not (gaps or losses or wrong or lost0) and left <= a.tail_ok and frac == 0.0
    print(f'{"EXACT" if exact else "DIFFERS"}: sent {ns} recorded {nr} frames; lead {lead} ({lead*1000/a.r:.1f} ms), '
          f'lost at start {lost0}, gaps {len(gaps)} {gaps[:4]}, losses {len(losses)} {losses[:4]}, missing at end {left}, wrong {wrong}, trailing {nr-ri}'
          + (f', off-grid {frac:.3g} LSB' if frac else ''))
    return 0 if exact else 1
sys.exit(main())
