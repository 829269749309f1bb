#pragma once
// What the tests of values share: random inputs, comparisons that NaN does not pass, every instruction set, any number of threads, and the
// same test on a CUDA device (KERNEL_TEST).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "tensor/cuda/cuda.h"
#include "tensor/emulator/emulator.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "tensor/tensor.h"
#include "tests/errors.h"

namespace tensor {

/// Where tensor_of, random_tensor and full put what they make: the cpu, unless a test runs on another device.
inline Device& device_under_test() {
  static Device device;
  return device;
}

inline Tensor tensor_of(const std::vector<double>& values, Shape shape, Dtype dtype) {
  if (dtype == Dtype::f64) return Tensor::from(values, shape, device_under_test());
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape, device_under_test());
}

inline Tensor full(Shape shape, double value, Dtype dtype) { return Tensor::full(shape, value, dtype, device_under_test()); }

/// For the oracles, which run on the cpu. What is undefined stays so.
inline Tensor on_cpu(const Tensor& x) { return x.defined() ? x.to({}) : x; }
/// Back again.
inline Tensor on_device_under_test(const Tensor& x) { return x.defined() ? x.to(device_under_test()) : x; }

/// Uniform in [-1, 1).
inline Tensor random_tensor(Shape shape, Dtype dtype, uint64_t seed) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) {
    const auto words = philox(seed, Stream::test, i);
    values[i] = 2 * uniform(words[0], words[1]) - 1;
  }
  return tensor_of(values, shape, dtype);
}

inline Tensor add_offset(const Tensor& x, double offset) {
  std::vector<double> values = x.to_vector();
  for (double& value : values) value += offset;
  return tensor_of(values, x.shape(), x.dtype());
}

/// |got - want| <= tolerance * max(1, |want|) for every element; a NaN on either side fails, an infinity equals itself.
inline void expect_close(const Tensor& got, const Tensor& want, double tolerance) {
  ASSERT_EQ(got.shape().to_string(), want.shape().to_string());
  ASSERT_EQ(got.dtype(), want.dtype());
  const std::vector<double> a = got.to_vector(), b = want.to_vector();
  for (size_t i = 0; i < a.size(); ++i) {
    const bool agrees = a[i] == b[i] || (std::isfinite(b[i]) && std::abs(a[i] - b[i]) <= tolerance * std::max(1.0, std::abs(b[i])));
    ASSERT_TRUE(agrees) << "element " << i << ": " << a[i] << ", expected " << b[i];
  }
}

inline void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape().to_string(), b.shape().to_string());
  ASSERT_EQ(a.dtype(), b.dtype());
  const Tensor left = a.to({}), right = b.to({});
  EXPECT_EQ(std::memcmp(left.raw(), right.raw(), static_cast<size_t>(left.bytes())), 0);
}

/// Restores instruction set, threads, device and the emulator's settings at the end of a test.
struct RestoreSettings {
  Isa chosen = isa();
  int threads = num_threads();
  Device device = device_under_test();
#ifdef MODE_CUDA_EMULATED
  emulator::Settings emulated = emulator::settings();
#endif
  ~RestoreSettings() {
    set_isa(chosen);
    set_num_threads(threads);
    device_under_test() = device;
#ifdef MODE_CUDA_EMULATED
    emulator::settings() = emulated;
#endif
  }
};

/// body(dtype) for f32 and f64 on every instruction set of this machine.
inline void for_each_path(const std::function<void(Dtype)>& body) {
  const RestoreSettings restore;
  for (const Isa path : available_isas())
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      SCOPED_TRACE(fmt::format("{} {}", name(path), name(dtype)));
      set_isa(path);
      body(dtype);
    }
}

/// Another order of threads and blocks in every kernel from here on; without effect on a real device, which has one of its own.
inline void reorder_threads([[maybe_unused]] uint64_t seed) {
#ifdef MODE_CUDA_EMULATED
  emulator::settings().seed = seed;
#endif
}

/// body(dtype) for f32 and f64 with device_under_test() on the CUDA device; emulated twice, with asynchronous copies that land at once and
/// as late as they may, and in two orders of threads.
inline void for_each_path_on_cuda(const std::function<void(Dtype)>& body) {
  const RestoreSettings restore;
  device_under_test() = {Device::Kind::cuda, 0};
  for (const bool lands_late : {false, true}) {
#ifdef MODE_CUDA_EMULATED
    emulator::settings().landing = lands_late ? emulator::Landing::late : emulator::Landing::early;
#else
    if (lands_late) break;
#endif
    reorder_threads(lands_late ? 17 : 1);
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      SCOPED_TRACE(fmt::format("cuda {}{}", name(dtype), lands_late ? ", copies land late" : ""));
      body(dtype);
    }
  }
}

/// Skips a test that needs a CUDA device on a machine without one, with the reason. The emulated device is always present.
#ifdef MODE_CUDA_EMULATED
#define SKIP_WITHOUT_CUDA() ASSERT_EQ(::tensor::cuda::unavailable_because(), "")
#else
#define SKIP_WITHOUT_CUDA() \
  if (const std::string reason_ = ::tensor::cuda::unavailable_because(); !reason_.empty()) GTEST_SKIP() << reason_
#endif

/// KERNEL_TEST(Reduce, Empty) { ... dtype ... }: one body, two tests. Reduce.Empty runs it for f32 and f64 on every instruction set,
/// Reduce.EmptyOnCuda on the CUDA device, or is skipped by its name. Inputs come from tensor_of, random_tensor and full.
#define KERNEL_TEST(suite_, name_)                                          \
  void suite_##_##name_##_body(::tensor::Dtype dtype);                      \
  TEST(suite_, name_) { ::tensor::for_each_path(suite_##_##name_##_body); } \
  TEST(suite_, name_##OnCuda) {                                             \
    SKIP_WITHOUT_CUDA();                                                    \
    ::tensor::for_each_path_on_cuda(suite_##_##name_##_body);               \
  }                                                                         \
  void suite_##_##name_##_body([[maybe_unused]] ::tensor::Dtype dtype)

/// CUDA_TEST(Reduce, EveryStep) { ... dtype ... }: the same on the CUDA device alone. The body is a template, so that a build without CUDA
/// reads it and needs none of the functions it calls.
#ifdef MODE_WITH_CUDA
#define RUN_ON_CUDA(body_) ::tensor::for_each_path_on_cuda(body_<0>)
#else
#define RUN_ON_CUDA(body_) static_cast<void>(0)
#endif
#define CUDA_TEST(suite_, name_)                       \
  template <int>                                       \
  void suite_##_##name_##_body(::tensor::Dtype dtype); \
  TEST(suite_, name_) {                                \
    SKIP_WITHOUT_CUDA();                               \
    RUN_ON_CUDA(suite_##_##name_##_body);              \
  }                                                    \
  template <int>                                       \
  void suite_##_##name_##_body([[maybe_unused]] ::tensor::Dtype dtype)

/// The same bits for 1, 2 and 5 threads; on a CUDA device in three orders of its threads. `compute` makes its inputs outside.
inline void expect_same_bits_for_any_threads(const std::function<std::vector<Tensor>()>& compute) {
  const RestoreSettings restore;
  std::vector<Tensor> first;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    reorder_threads(100 + static_cast<uint64_t>(threads));
    const std::vector<Tensor> results = compute();
    if (first.empty()) first = results;
    ASSERT_EQ(results.size(), first.size());
    for (size_t i = 0; i < first.size(); ++i) expect_same_bits(results[i], first[i]);
  }
}

/// cpu == cuda: `compute` makes its inputs by random_tensor and the like, and runs with device_under_test() on both. For CUDA_TEST.
inline void expect_close_on_cpu_and_cuda(const std::function<std::vector<Tensor>()>& compute, double tolerance) {
  const RestoreSettings restore;
  device_under_test() = {};
  const std::vector<Tensor> here = compute();
  device_under_test() = {Device::Kind::cuda, 0};
  const std::vector<Tensor> there = compute();
  ASSERT_EQ(there.size(), here.size());
  for (size_t i = 0; i < here.size(); ++i) {
    EXPECT_EQ(there[i].device(), device_under_test());
    expect_close(there[i], here[i], tolerance);
  }
}

/// dx against central differences of sum(dy * f(x)), f64, every element.
inline void expect_gradient(const Tensor& x, const Tensor& dy, const Tensor& dx, const std::function<Tensor(const Tensor&)>& f,
                            double tolerance = 1e-7) {
  ASSERT_EQ(dx.shape().to_string(), x.shape().to_string());
  const std::vector<double> weights = dy.to_vector(), analytic = dx.to_vector();
  const auto loss = [&](const std::vector<double>& at) {
    const std::vector<double> y = f(tensor_of(at, x.shape(), Dtype::f64)).to_vector();
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += weights[i] * y[i];
    return sum;
  };
  std::vector<double> at = x.to_vector();
  for (size_t i = 0; i < at.size(); ++i) {
    const double center = at[i], h = 1e-5 * std::max(1.0, std::abs(center));
    at[i] = center + h;
    const double above = loss(at);
    at[i] = center - h;
    const double numeric = (above - loss(at)) / (2 * h);
    at[i] = center;
    const bool agrees = std::abs(analytic[i] - numeric) <= tolerance * std::max({1.0, std::abs(analytic[i]), std::abs(numeric)});
    ASSERT_TRUE(agrees) << "element " << i << ": " << analytic[i] << ", differences give " << numeric;
  }
}

}  // namespace tensor
