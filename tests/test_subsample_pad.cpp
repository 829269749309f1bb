#include "tensor/ops/subsample_pad.h"

#include "autograd/cases/subsample_pad.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

KERNEL_TEST(SubsamplePad, HandWorkedNumbers) {
  const Tensor x = tensor_of({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 3, 3, 1}, dtype);
  // Four channels around one: one zero before, two after.
  const Tensor y = subsample_pad(x, 2, 4);
  EXPECT_EQ(y.shape(), (Shape{1, 2, 2, 4}));
  EXPECT_EQ(y.to_vector(), (std::vector<double>{0, 1, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0}));
  EXPECT_EQ(subsample_pad_grad(y, x.shape(), 2).to_vector(), (std::vector<double>{1, 0, 3, 0, 0, 0, 7, 0, 9}));
}

KERNEL_TEST(SubsamplePad, AgreesWithTheNaiveLoops) {
  for (const auto& [shape, usual_stride, usual_channels] : autograd::cases::subsample_pad_cases)
    for (const int64_t stride : {1, 2, 3})
      for (const int64_t extra : {0, 1, 16}) {
        const int64_t channels = shape[3] + extra;
        const Tensor x = random_tensor(shape, dtype, 1), y = subsample_pad(x, stride, channels), dy = random_tensor(y.shape(), dtype, 2);
        expect_same_bits(y, naive::subsample_pad(on_cpu(x), stride, channels));
        expect_same_bits(subsample_pad_grad(dy, shape, stride), naive::subsample_pad_grad(on_cpu(dy), shape, stride));
        if (dtype == Dtype::f64) {
          expect_gradient(x, dy, subsample_pad_grad(dy, shape, stride),
                          [&](const Tensor& z) { return subsample_pad(z, stride, channels); });
        }
      }
}

KERNEL_TEST(SubsamplePad, SameBitsAndErrors) {
  const Tensor x = random_tensor({3, 33, 31, 16}, dtype, 1);
  expect_same_bits_for_any_threads([&] {
    const Tensor y = subsample_pad(x, 2, 32);
    return std::vector<Tensor>{y, subsample_pad_grad(y, x.shape(), 2)};
  });
  expect_error([&] { subsample_pad(x, 2, 15); }, "15 channels are fewer than the 16 of x");
  expect_error([&] { subsample_pad(x, 0, 16); }, "stride 0");
  expect_error(
      [&] {
        subsample_pad_grad(Tensor::zeros({3, 17, 17, 16}), x.shape(), 2);
      },
      "subsample_pad_grad: dy is f32 (3, 17, 17, 16) on cpu; expected the shape (3, 17, 16, 16)");
}

}  // namespace
}  // namespace tensor::ops
