#include "tensor/ops/matmul.h"

#include "tests/compare.h"

namespace tensor::ops {
namespace {

struct Case {
  int64_t m, k, n;
};
const Case cases[] = {{1, 1, 1},     {1, 7, 1},     {6, 16, 16}, {7, 17, 19}, {13, 300, 5},
                      {64, 513, 10}, {33, 64, 129}, {0, 3, 4},   {3, 0, 4},   {3, 4, 0}};

template <class T>
void check(const Case& c, Transpose transpose_a, Transpose transpose_b) {
  const bool flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  SCOPED_TRACE(fmt::format("m {} k {} n {} {} {} {} {}", c.m, c.k, c.n, flip_a ? "a^T" : "a", flip_b ? "b^T" : "b", name(isa()),
                           name(dtype_of<T>())));
  const Tensor a = random_tensor(flip_a ? Shape{c.k, c.m} : Shape{c.m, c.k}, 1, dtype_of<T>());
  const Tensor b = random_tensor(flip_b ? Shape{c.n, c.k} : Shape{c.k, c.n}, 2, dtype_of<T>());
  const double epsilon = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;
  expect_close(matmul(a, b, transpose_a, transpose_b), naive::matmul(a, b, transpose_a, transpose_b),
               epsilon * static_cast<double>(4 + c.k));
}

TEST(Matmul, AgreesWithTheNaiveLoopsInEveryTranspositionOnEveryIsa) {
  for (const Isa candidate : available_isas()) {
    const IsaGuard guard(candidate);
    for (const Case& c : cases)
      for (const Transpose transpose_a : {Transpose::no, Transpose::yes})
        for (const Transpose transpose_b : {Transpose::no, Transpose::yes}) {
          check<float>(c, transpose_a, transpose_b);
          check<double>(c, transpose_a, transpose_b);
        }
  }
}

TEST(Matmul, HandWorked) {
  const Tensor a = Tensor::from<double>({1, 2, 3, 4, 5, 6}, {2, 3}), b = Tensor::from<double>({1, 0, 2, 1, 0, 3}, {3, 2});
  EXPECT_EQ(matmul(a, b).to_vector(), (std::vector<double>{5, 11, 14, 23}));
}

TEST(Matmul, SameBitsForAnyNumberOfThreads) {
  const Tensor a = random_tensor({200, 300}, 1), b = random_tensor({300, 170}, 2);
  for (const Transpose transpose_a : {Transpose::no, Transpose::yes}) {
    const auto run = [&](int threads) {
      const ThreadsGuard guard(threads);
      return matmul(transpose_a == Transpose::yes ? b : a, transpose_a == Transpose::yes ? b : b, transpose_a, Transpose::no);
    };
    EXPECT_TRUE(same_bits(run(1), run(2)));
  }
}

TEST(Matmul, Refuses) {
  const Tensor a = Tensor::zeros({2, 3});
  expect_error([&] { matmul(a, a); }, "do not fit");
  expect_error([&] { matmul(a, Tensor::zeros({3})); }, "two matrices");
  expect_error([&] { matmul(a, Tensor::zeros({3, 2}, Dtype::f64)); }, "cast one of them");
}

}  // namespace
}  // namespace tensor::ops
