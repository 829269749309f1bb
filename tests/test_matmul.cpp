#include "tensor/ops/matmul.h"

#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

struct Case {
  int64_t m, k, n;
};
const Case cases[] = {{1, 1, 1},     {1, 7, 1},     {6, 16, 16}, {7, 17, 19}, {13, 300, 5},
                      {64, 513, 10}, {33, 64, 129}, {0, 3, 4},   {3, 0, 4},   {3, 4, 0}};

TEST(Matmul, AgreesWithTheNaiveLoopsInEveryTransposition) {
  for_each_path([](Dtype dtype) {
    for (const Case& c : cases)
      for (const Transpose transpose_a : {Transpose::no, Transpose::yes})
        for (const Transpose transpose_b : {Transpose::no, Transpose::yes}) {
          const bool flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
          SCOPED_TRACE(fmt::format("m {} k {} n {} {} {}", c.m, c.k, c.n, flip_a ? "a^T" : "a", flip_b ? "b^T" : "b"));
          const Tensor a = random_tensor(flip_a ? Shape{c.k, c.m} : Shape{c.m, c.k}, dtype, 1);
          const Tensor b = random_tensor(flip_b ? Shape{c.n, c.k} : Shape{c.k, c.n}, dtype, 2);
          const double epsilon = dtype == Dtype::f32 ? 0x1p-24 : 0x1p-53;
          expect_close(matmul(a, b, transpose_a, transpose_b), naive::matmul(a, b, transpose_a, transpose_b),
                       epsilon * static_cast<double>(4 + c.k));
        }
  });
}

TEST(Matmul, HandWorked) {
  const Tensor a = Tensor::from<double>({1, 2, 3, 4, 5, 6}, {2, 3}), b = Tensor::from<double>({1, 0, 2, 1, 0, 3}, {3, 2});
  EXPECT_EQ(matmul(a, b).to_vector(), (std::vector<double>{5, 11, 14, 23}));
}

TEST(Matmul, SameBitsForAnyNumberOfThreads) {
  const Tensor a = random_tensor({200, 300}, Dtype::f32, 1), b = random_tensor({300, 170}, Dtype::f32, 2);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{matmul(a, b), matmul(b, b, Transpose::yes, Transpose::no)}; });
}

TEST(Matmul, Refuses) {
  const Tensor a = Tensor::zeros({2, 3});
  expect_error([&] { matmul(a, a); }, "do not fit");
  expect_error([&] { matmul(a, Tensor::zeros({3})); }, "two matrices");
  expect_error([&] { matmul(a, Tensor::zeros({3, 2}, Dtype::f64)); }, "cast one of them");
}

}  // namespace
}  // namespace tensor::ops
