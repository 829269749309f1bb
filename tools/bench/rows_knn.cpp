// Exact nearest neighbors, K = 10. tools/peers/knn.py times FAISS on the same shapes.

#include "mode/detectors/knn.h"
#include "tools/bench/measure.h"

namespace bench {

std::vector<Row> knn_rows() {
  struct Search {
    int64_t queries, bank, features;
  };
  std::vector<Row> rows;
  for (const Search& s : {Search{6, 50000, 512}, Search{600, 20000, 512}, Search{600, 50000, 64}}) {
    rows.push_back(
        {.name = "knn/" + std::to_string(s.queries) + "x" + std::to_string(s.bank) + "x" + std::to_string(s.features),
         .flops = 2.0 * static_cast<double>(s.queries * s.bank * s.features),
         .bytes = 4.0 * static_cast<double>((s.queries + s.bank) * s.features),
         .memory_bound = s.queries < 32,  // a few queries do not pay for reading the bank
         .prepare = [s] {
           return [q = random_tensor({s.queries, s.features}, 1), b = random_tensor({s.bank, s.features}, 2)] { mode::knn(q, b, 10); };
         }});
  }
  return rows;
}

}  // namespace bench
