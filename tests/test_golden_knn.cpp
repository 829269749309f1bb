// Nearest neighbors against FAISS (IndexFlatL2) and exact distances in double, with duplicates in the bank.

#include "mode/detectors/knn.h"
#include "tests/golden.h"

namespace {

using namespace golden;

TEST(GoldenKnn, DistancesAndRows) {
  const File file("knn");
  const int cases = file.cases("", ".bank");
  EXPECT_GE(cases, 5);
  int compared = 0;
  for_each_path([&](Dtype dtype) {
    if (dtype != Dtype::f32) return;  // the bank is f32
    for (int i = 0; i < cases; ++i) {
      const std::string key = std::to_string(i) + ".";
      const Tensor &queries = file[key + "queries"], &bank = file[key + "bank"];
      for (const int64_t k : {1, 10, 50}) {
        const std::string part = std::to_string(k) + ".";
        if (!file.has(key + "exact." + part + "rows")) continue;
        SCOPED_TRACE(key + " K = " + std::to_string(k));
        const mode::KnnResult got = mode::knn(queries, bank, k);
        const double allowed = tolerance(Dtype::f32, bank.dim(1));
        expect_close(got.distances, file[key + "exact." + part + "distances"], allowed, "distances, exact");
        // FAISS computes |q|^2 + |b|^2 - 2 q.b, which loses a few more bits than differences do.
        expect_close(got.distances, file[key + "faiss." + part + "distances"], 8 * allowed, "distances, FAISS");
        expect_close(got.rows, file[key + "exact." + part + "rows"], 0, "rows, ties by row");
        ++compared;
      }
    }
  });
  EXPECT_GE(compared, 13);
}

}  // namespace
