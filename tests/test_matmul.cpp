#include "tensor/ops/matmul.h"

#include "autograd/cases/matmul.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/staircase.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

using Case = autograd::cases::MatmulCase;
using autograd::cases::matmul_cases;

/// check(a, b, transpose_a, transpose_b, tolerance) for every case and transposition, with a and b in f32 or f64.
void for_each_product(Dtype dtype, const std::function<void(const Tensor&, const Tensor&, Transpose, Transpose, double)>& check) {
  for (const Case& c : matmul_cases)
    for (const Transpose ta : {Transpose::no, Transpose::yes})
      for (const Transpose tb : {Transpose::no, Transpose::yes}) {
        SCOPED_TRACE(c.name(ta, tb));
        const Tensor a = random_tensor(c.a_shape(ta), dtype, 1), b = random_tensor(c.b_shape(tb), dtype, 2);
        const double epsilon = dtype == Dtype::f32 ? 0x1p-24 : 0x1p-53;
        check(a, b, ta, tb, epsilon * static_cast<double>(4 + c.k));
      }
}

KERNEL_TEST(Matmul, AgreesWithTheNaiveLoopsInEveryTransposition) {
  for_each_product(dtype, [](const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b, double tolerance) {
    expect_close(matmul(a, b, transpose_a, transpose_b), naive::matmul(on_cpu(a), on_cpu(b), transpose_a, transpose_b), tolerance);
  });
}

CUDA_TEST(Matmul, EveryStepAgreesWithTheNaiveLoops) {
  for_each_product(dtype, [](const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b, double tolerance) {
    const Tensor want = naive::matmul(on_cpu(a), on_cpu(b), transpose_a, transpose_b);
    expect_close(cuda::steps::matmul_naive(a, b, transpose_a, transpose_b), want, tolerance);
    expect_close(cuda::steps::matmul_tiled(a, b, transpose_a, transpose_b), want, tolerance);
    expect_same_bits(cuda::steps::matmul_register_tiled(a, b, transpose_a, transpose_b), matmul(a, b, transpose_a, transpose_b));
  });
}

CUDA_TEST(Matmul, TensorCoresAgreeWithTheLoopsInDoubleOnTheSameRoundedNumbers) {
  if (dtype == Dtype::f64) return;
  // Products of bf16 are exact in f32, so the bound is that of f32.
  const auto check = [](const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b, double tolerance) {
    const Tensor left = cast(a, Dtype::bf16), right = cast(b, Dtype::bf16);
    const Tensor y = matmul(left, right, transpose_a, transpose_b);
    EXPECT_EQ(y.dtype(), Dtype::f32);
    const Tensor want = naive::matmul(cast(on_cpu(left), Dtype::f64), cast(on_cpu(right), Dtype::f64), transpose_a, transpose_b);
    expect_close(cast(y, Dtype::f64), want, tolerance);
  };
  for_each_product(dtype, check);
}

KERNEL_TEST(Matmul, HandWorked) {
  const Tensor a = tensor_of({1, 2, 3, 4, 5, 6}, {2, 3}, dtype), b = tensor_of({1, 0, 2, 1, 0, 3}, {3, 2}, dtype);
  EXPECT_EQ(matmul(a, b).to_vector(), (std::vector<double>{5, 11, 14, 23}));
}

CUDA_TEST(Matmul, CudaAgreesWithTheCpu) {
  const int64_t k = 700;
  expect_close_on_cpu_and_cuda(
      [&] {
        return std::vector<Tensor>{matmul(random_tensor({37, k}, dtype, 1), random_tensor({k, 21}, dtype, 2))};
      },
      (dtype == Dtype::f32 ? 0x1p-24 : 0x1p-53) * static_cast<double>(4 + k));
}

TEST(Matmul, SameBitsForAnyNumberOfThreads) {
  const Tensor a = random_tensor({200, 300}, Dtype::f32, 1), b = random_tensor({300, 170}, Dtype::f32, 2);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{matmul(a, b), matmul(b, b, Transpose::yes, Transpose::no)}; });
}

CUDA_TEST(Matmul, SameBitsTwice) {
  const Tensor a = random_tensor({70, 1100}, dtype, 1), b = random_tensor({1100, 9}, dtype, 2);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{matmul(a, b)}; });
  if (dtype == Dtype::f64) return;
  const Tensor left = cast(a, Dtype::bf16), right = cast(b, Dtype::bf16);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{matmul(left, right)}; });
}

TEST(Matmul, Refuses) {
  const Tensor a = Tensor::zeros({2, 3});
  expect_error([&] { matmul(a, a); }, "matmul: a is (2, 3), b is (2, 3); the columns of the first must be the rows of the second");
  expect_error([&] { matmul(a, Tensor::zeros({3})); }, "two matrices");
  expect_error([&] { matmul(a, Tensor::zeros({3, 2}, Dtype::f64)); }, "cast one of them");
  expect_error([&] { matmul(Tensor::zeros({2, 3}, Dtype::bf16), Tensor::zeros({3, 2}, Dtype::bf16)); }, "bf16 needs CUDA");
}

CUDA_TEST(Matmul, RefusesOperandsOnTwoDevices) {
  expect_error([&] { matmul(random_tensor({2, 2}, dtype, 1), Tensor::zeros({2, 2}, dtype)); }, "move one of them");
}

}  // namespace
}  // namespace tensor::ops
