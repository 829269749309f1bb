#include "tensor/ops/region_pool.h"

#include "autograd/cases/region_pool.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

using Case = autograd::cases::RegionPoolCase;
using autograd::cases::region_pool_cases;

KERNEL_TEST(RegionPool, AgreesWithTheNaiveLoops) {
  for (const Case& test : region_pool_cases) {
    SCOPED_TRACE(fmt::format("{} rectangles of {}", test.rects.size(), test.x.to_string()));
    const Tensor x = random_tensor(test.x, dtype, 1);
    const double tolerance = dtype == Dtype::f64 ? 1e-15 : 2e-7;
    expect_close(region_pool(x, test.rects), naive::region_pool(on_cpu(x), test.rects), tolerance);
    const Tensor dy = random_tensor({test.x[0], static_cast<int64_t>(test.rects.size()), test.x[3]}, dtype, 2);
    expect_close(region_pool_grad(dy, test.x, test.rects), naive::region_pool_grad(dy, test.x, test.rects), tolerance);
  }
}

KERNEL_TEST(RegionPool, HandWorkedNumbers) {
  const Tensor x = tensor_of({1, 2, 3, 4, 5, 6}, {1, 2, 3, 1}, dtype);
  const std::vector<Rect> regions = {{0, 0, 2, 3}, {0, 1, 2, 2}};
  EXPECT_EQ(region_pool(x, regions).to_vector(), (std::vector<double>{3.5, 3.5}));
  // The middle column belongs to both, the others to the first only.
  expect_close(region_pool_grad(tensor_of({6, 4}, {1, 2, 1}, dtype), x.shape(), regions), tensor_of({1, 3, 1, 1, 3, 1}, x.shape(), dtype),
               1e-6);
}

KERNEL_TEST(RegionPool, GradientIsTheDifferenceQuotient) {
  if (dtype == Dtype::f32) return;
  for (const Case& test : region_pool_cases) {
    if (test.x[1] > 8 || test.rects.size() > 9) continue;
    const Tensor x = random_tensor(test.x, dtype, 1);
    const Tensor dy = random_tensor({test.x[0], static_cast<int64_t>(test.rects.size()), test.x[3]}, dtype, 2);
    expect_gradient(x, dy, region_pool_grad(dy, x.shape(), test.rects), [&](const Tensor& at) { return region_pool(at, test.rects); });
  }
}

const std::vector<Rect> three = {{0, 0, 8, 8}, {0, 0, 4, 4}, {2, 3, 7, 8}};

KERNEL_TEST(RegionPool, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({37, 8, 8, 40}, dtype, 1);
  expect_same_bits_for_any_threads([&] {
    const Tensor y = region_pool(x, three);
    return std::vector<Tensor>{y, region_pool_grad(y, x.shape(), three)};
  });
}

TEST(RegionPool, Errors) {
  const Tensor x = Tensor::zeros({37, 8, 8, 40});
  expect_error([&] { region_pool(x, {{0, 0, 9, 8}}); }, "leaves the 8 x 8 feature map");
  expect_error([&] { region_pool(x, {{2, 0, 2, 8}}); }, "rows 2 to 2");
  expect_error([&] { region_pool(Tensor::zeros({8, 8, 3}), three); }, "expected x (N,H,W,C)");
  expect_error(
      [&] {
        region_pool_grad(Tensor::zeros({37, 2, 40}), x.shape(), three);
      },
      "dy is f32 (37, 2, 40) on cpu; expected the shape (37, 3, 40)");
}

}  // namespace
}  // namespace tensor::ops
