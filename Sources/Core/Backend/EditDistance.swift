// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to turn `a` into `b`.
func editDistance(_ a: String, _ b: String) -> Int {
  let (source, target) = (Array(a.utf8), Array(b.utf8))
  var earlier: [Int] = []
  var previous = Array(0...target.count)
  for i in source.indices {
    var row = [i + 1]
    for j in target.indices {
      let replaced = previous[j] + (source[i] == target[j] ? 0 : 1)
      var best = min(replaced, previous[j + 1] + 1, row[j] + 1)
      if i > 0, j > 0, source[i] == target[j - 1], source[i - 1] == target[j] {
        best = min(best, earlier[j - 1] + 1)
      }
      row.append(best)
    }
    earlier = previous
    previous = row
  }
  return previous[target.count]
}

/// The one of `candidates` that a typing error could have turned into `word`, if there is any.
package func nearMiss(_ word: String, among candidates: [String]) -> String? {
  let near = candidates.map { (candidate: $0, distance: editDistance(word, $0)) }
    .filter { $0.distance <= max(1, $0.candidate.utf8.count / 3) }
  return near.min { $0.distance < $1.distance }?.candidate
}
