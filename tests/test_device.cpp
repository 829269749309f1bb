// Devices: their names, and transfers in both directions. Tests that need a device are skipped by name on a machine without one.

#include "tensor/device.h"

#include <gtest/gtest.h>

#include "nn/checkpoint.h"
#include "tensor/cuda/cuda.h"
#include "tensor/tensor.h"
#include "tests/errors.h"
#include "tests/kernel_testing.h"

namespace tensor {
namespace {

constexpr Device cuda0{Device::Kind::cuda, 0};
const std::vector<Dtype> all_dtypes = {Dtype::f32, Dtype::f64, Dtype::bf16, Dtype::i32, Dtype::i64, Dtype::u8};

/// Bytes 0, 1, 2 ... as elements of that type.
Tensor counted_bytes(Shape shape, Dtype dtype) {
  Tensor x(shape, dtype);
  for (int64_t i = 0; i < x.bytes(); ++i) x.raw()[i] = static_cast<std::byte>(i * 7 % 251);
  return x;
}

TEST(Device, Names) {
  EXPECT_EQ(parse_device("cpu"), Device());
  EXPECT_EQ(Device().to_string(), "cpu");
  EXPECT_EQ((Device{Device::Kind::cuda, 3}.to_string()), "cuda:3");
  EXPECT_FALSE(cuda0 == Device());
  for (const char* text : {"", "gpu", "CPU", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda0", "cuda: 1", "cuda:99999999999"}) {
    SCOPED_TRACE(text);
    expect_error([&] { parse_device(text); }, "expected cpu, cuda or cuda:N");
  }
}

TEST(Device, OneThatCannotBeUsedSaysWhyAndWhatToDo) {
  const std::string reason = cuda::unavailable_because(cuda::device_count());
  EXPECT_EQ(reason.rfind(fmt::format("cuda:{}: ", cuda::device_count()), 0), 0U) << reason;
  EXPECT_EQ(reason.find('\n'), std::string::npos) << reason;
  EXPECT_NE(reason.find("use "), std::string::npos) << reason;
  expect_error([] { parse_device(fmt::format("cuda:{}", cuda::device_count())); }, reason);
  expect_error([] { cuda::description(cuda::device_count()); }, reason);
}

#ifndef MODE_WITH_CUDA
TEST(Device, BuiltWithoutCuda) {
  EXPECT_EQ(cuda::build_description(), "none");
  EXPECT_EQ(cuda::device_count(), 0);
  expect_error([] { parse_device("cuda"); }, "cuda:0: this program was built without CUDA; configure with -DMODE_CUDA=on");
  expect_error([] { Tensor::zeros({2}, Dtype::f32, cuda0); }, "built without CUDA");
  expect_error([] { Tensor::full({2}, 1).to(cuda0); }, "built without CUDA");
}
#endif

TEST(Device, DescribesItself) {
  SKIP_WITHOUT_CUDA();
  EXPECT_EQ(parse_device("cuda"), cuda0);
  EXPECT_EQ(parse_device("cuda:0"), cuda0);
  EXPECT_NE(cuda::description(0).find(", sm_"), std::string::npos) << cuda::description(0);
  EXPECT_NE(cuda::description(0).find(" GiB"), std::string::npos) << cuda::description(0);
}

TEST(Device, EveryDtypeGoesThereAndBack) {
  SKIP_WITHOUT_CUDA();
  for (const Dtype dtype : all_dtypes)
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{3, 5, 7}, Shape{0, 4}}) {
      SCOPED_TRACE(fmt::format("{} {}", name(dtype), shape.to_string()));
      const Tensor x = counted_bytes(shape, dtype), there = x.to(cuda0);
      EXPECT_EQ(there.device(), cuda0);
      EXPECT_EQ(there.shape(), shape);
      EXPECT_EQ(there.dtype(), dtype);
      EXPECT_TRUE(there.to(cuda0).shares_storage(there));
      expect_same_bits(there, x);
      EXPECT_EQ(there.to({}).device(), Device());
    }
}

TEST(Device, CopiesOfMoreThanOneChunk) {
  SKIP_WITHOUT_CUDA();
  // The staging chunks have 4 MiB: less, exactly, and beyond by one; then as many as need both again.
  for (const int64_t bytes : {(4 << 20) - 1, 4 << 20, (4 << 20) + 1, (13 << 20) + 5}) {
    Tensor x = counted_bytes({bytes}, Dtype::u8);
    const Tensor before = x.clone(), there = x.to(cuda0);
    std::memset(x.raw(), 0, static_cast<size_t>(x.bytes()));  // the copy returned: the source may change
    expect_same_bits(there, before);
    expect_same_bits(there.clone(), before);
  }
}

TEST(Device, ValuesOfATensorThere) {
  SKIP_WITHOUT_CUDA();
  EXPECT_EQ(Tensor::full({1}, 2.5, Dtype::f64, cuda0).item(), 2.5);
  for (const Dtype dtype : all_dtypes) {
    SCOPED_TRACE(name(dtype));
    EXPECT_EQ(Tensor::full({2, 2}, 3, dtype, cuda0).to_vector(), std::vector<double>(4, 3));
    EXPECT_EQ(Tensor::zeros({2, 3}, dtype, cuda0).to_vector(), std::vector<double>(6, 0));
    EXPECT_EQ(Tensor::zeros({0, 3}, dtype, cuda0).numel(), 0);
  }
  EXPECT_EQ(Tensor::from(std::vector<int32_t>{1, -2, 3}, {3}, cuda0).to_vector(), (std::vector<double>{1, -2, 3}));
}

TEST(Device, RowsAndReshapesShareAndClonesDoNot) {
  SKIP_WITHOUT_CUDA();
  const Tensor x = Tensor::from(std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}, {4, 2}, cuda0);
  const Tensor middle = x.rows(1, 3);
  EXPECT_TRUE(middle.shares_storage(x));
  EXPECT_EQ(middle.to_vector(), (std::vector<double>{2, 3, 4, 5}));
  EXPECT_EQ(middle.reshape(Shape{4}).device(), cuda0);
  const Tensor copy = middle.clone();
  EXPECT_FALSE(copy.shares_storage(x));
  EXPECT_EQ(copy.device(), cuda0);
  EXPECT_EQ(copy.to_vector(), (std::vector<double>{2, 3, 4, 5}));
  EXPECT_EQ(x.rows(4, 4).to({}).numel(), 0);
}

TEST(Device, ANetworkGoesThereAndBack) {
  SKIP_WITHOUT_CUDA();
  const auto net = nn::make_resnet("resnet8"), other = nn::make_resnet("resnet8", {.seed = 2});
  const std::string weights = nn::content_hash(nn::export_weights(*net));
  EXPECT_EQ(net->device(), Device());
  net->to(cuda0);
  EXPECT_EQ(net->device(), cuda0);
  for (const auto& parameter : net->named_parameters()) EXPECT_EQ(parameter.variable.value().device(), cuda0) << parameter.name;
  for (const auto& buffer : net->named_buffers())
    EXPECT_EQ(buffer.tensor->device(), buffer.tensor->dtype() == Dtype::i64 ? Device() : cuda0) << buffer.name;
  EXPECT_EQ(nn::content_hash(nn::export_weights(*net)), weights) << "a file's tensors are copies on the cpu";
  other->to(cuda0);
  nn::load_weights(*other, nn::export_weights(*net));
  EXPECT_EQ(other->device(), cuda0);
  EXPECT_EQ(nn::content_hash(nn::export_weights(*other)), weights);
  net->to({});
  EXPECT_EQ(nn::content_hash(nn::export_weights(*net)), weights);
}

TEST(Device, MemoryIsCounted) {
  SKIP_WITHOUT_CUDA();
  const int64_t before = cuda::statistics(0).live_bytes;
  cuda::reset_peak_bytes(0);
  {
    const Tensor x({1000}, Dtype::f32, cuda0);
    EXPECT_GE(cuda::statistics(0).live_bytes, before + 4000);
  }
  EXPECT_EQ(cuda::statistics(0).live_bytes, before);
  EXPECT_GE(cuda::statistics(0).peak_bytes, before + 4000);
}

}  // namespace
}  // namespace tensor
