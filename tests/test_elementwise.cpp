#include "tensor/ops/elementwise.h"

#include "autograd/cases/elementwise.h"
#include "tensor/ops/staircase.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();

KERNEL_TEST(Elementwise, FormulasOnEverySizeAroundAVector) {
  const double tolerance = dtype == Dtype::f64 ? 1e-15 : 2e-7;
  for (const Shape& shape : autograd::cases::elementwise_shapes) {
    const Tensor a = random_tensor(shape, dtype, 1), b = add_offset(random_tensor(shape, dtype, 2), 2);
    const auto x = a.to_vector(), z = b.to_vector();
    const auto expect = [&](const Tensor& got, const std::function<double(double, double)>& f) {
      std::vector<double> want(x.size());
      for (size_t i = 0; i < x.size(); ++i) want[i] = f(x[i], z[i]);
      expect_close(got, tensor_of(want, shape, dtype), tolerance);
    };
    expect(add(a, b), [](double p, double q) { return p + q; });
    expect(subtract(a, b), [](double p, double q) { return p - q; });
    expect(multiply(a, b), [](double p, double q) { return p * q; });
    expect(divide(a, b), [](double p, double q) { return p / q; });
    expect(scale(a, -1.5), [](double p, double) { return -1.5 * p; });
    expect(add_scalar(a, 0.75), [](double p, double) { return p + 0.75; });
    expect(relu(a), [](double p, double) { return p > 0 ? p : 0; });
    expect(relu_grad(a, b), [](double p, double q) { return p > 0 ? q : 0; });
    expect(exp(a), [](double p, double) { return std::exp(p); });
    expect(log(b), [](double, double q) { return std::log(q); });
    expect(sqrt(b), [](double, double q) { return std::sqrt(q); });
    Tensor sum = a.clone();
    add_into(sum, b);
    expect_same_bits(sum, add(a, b));
  }
}

KERNEL_TEST(Elementwise, AnElementThatIsAlsoTheSum) {
  Tensor x = tensor_of({1, 2, 3}, {3}, dtype);
  add_into(x, x);
  EXPECT_EQ(x.to_vector(), (std::vector<double>{2, 4, 6}));
}

KERNEL_TEST(Elementwise, NanAndInfinityPass) {
  std::vector<double> values(19, -1);
  values[3] = nan;
  values[7] = infinity;
  values[11] = -infinity;
  values[18] = nan;
  const std::vector<double> y = relu(tensor_of(values, {19}, dtype)).to_vector();
  for (size_t i = 0; i < y.size(); ++i) {
    const bool expect_nan = i == 3 || i == 18;
    EXPECT_EQ(std::isnan(y[i]), expect_nan);
    EXPECT_TRUE(expect_nan || y[i] == (i == 7 ? infinity : 0)) << y[i];
  }
  EXPECT_TRUE(std::isnan(exp(tensor_of({nan}, {1}, dtype)).item()));
  EXPECT_TRUE(std::isnan(log(tensor_of({-1}, {1}, dtype)).item()));
  EXPECT_EQ(log(tensor_of({0}, {1}, dtype)).item(), -infinity);
  // What a NaN gradient meets at a closed ReLU is dropped, at an open one kept.
  const std::vector<double> dx = relu_grad(tensor_of({0, 1}, {2}, dtype), tensor_of({nan, nan}, {2}, dtype)).to_vector();
  EXPECT_EQ(dx[0], 0);
  EXPECT_TRUE(std::isnan(dx[1]));
}

KERNEL_TEST(Elementwise, AllFinite) {
  EXPECT_TRUE(all_finite(full({0}, 0, dtype)));
  for (const int64_t n : {1, 37, 100003})
    for (const double bad : {nan, -nan, infinity, -infinity}) {
      std::vector<double> values(static_cast<size_t>(n), dtype == Dtype::f64 ? 1.7e308 : 3.4e38);
      EXPECT_TRUE(all_finite(tensor_of(values, {n}, dtype)));
      for (const size_t at : {size_t{0}, values.size() / 2, values.size() - 1}) {
        const double kept = values[at];
        values[at] = bad;
        EXPECT_FALSE(all_finite(tensor_of(values, {n}, dtype)));
        values[at] = kept;
      }
    }
}

KERNEL_TEST(Elementwise, CastRoundsToNearestEven) {
  if (dtype != Dtype::f64) return;  // every dtype is checked below
  // bfloat16 has 8 significant bits: between 1 and 2 its step is 2^-7.
  const std::vector<double> values = {1,        1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1p-8 + 0x1p-40, 1 + 0x3p-8 - 0x1p-40, -1 - 0x1p-8 - 0x1p-40,
                                      infinity, 0.1};
  const std::vector<double> rounded = {1, 1, 1 + 0x4p-8, 1 + 0x1p-7, 1 + 0x2p-8, -1 - 0x1p-7, infinity, 0.10009765625};
  const Device device = device_under_test();
  const Tensor x = tensor_of(values, {8}, Dtype::f64);
  EXPECT_EQ(cast(x, Dtype::bf16).to_vector(), rounded);
  EXPECT_EQ(cast(cast(x, Dtype::bf16), Dtype::f32).to_vector(), rounded);
  EXPECT_EQ(cast(cast(x, Dtype::bf16), Dtype::f64).to_vector(), rounded);
  EXPECT_EQ(cast(x, Dtype::f32).to_vector()[7], static_cast<double>(0.1f));
  EXPECT_TRUE(std::isnan(cast(tensor_of({nan}, {1}, Dtype::f64), Dtype::bf16).item()));
  EXPECT_TRUE(std::isnan(cast(tensor_of({nan}, {1}, Dtype::f32), Dtype::bf16).item()));
  EXPECT_EQ(cast(tensor_of({1e308, 3.4e38}, {2}, Dtype::f64), Dtype::bf16).to_vector(), (std::vector<double>{infinity, infinity}));
  EXPECT_EQ(cast(Tensor::from<uint8_t>({0, 7, 255}, {3}, device), Dtype::f32).to_vector(), (std::vector<double>{0, 7, 255}));
  EXPECT_EQ(cast(Tensor::from<int32_t>({-5, 5}, {2}, device), Dtype::f64).to_vector(), (std::vector<double>{-5, 5}));
  EXPECT_EQ(cast(Tensor::from<int64_t>({-1, int64_t{1} << 53}, {2}, device), Dtype::f64).to_vector(), (std::vector<double>{-1, 0x1p53}));
  const Tensor copy = cast(x, Dtype::f64);
  EXPECT_FALSE(copy.shares_storage(x));
  expect_same_bits(copy, x);
}

KERNEL_TEST(Elementwise, CastOfEverySizeAroundAVector) {
  // Whole numbers up to 100 are the same in every dtype, so that what comes from one to another is known.
  for (const int64_t n : {0, 1, 3, 7, 9, 17, 1009}) {
    std::vector<double> values(static_cast<size_t>(n));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 101);
    const Device device = device_under_test();
    const Tensor f64 = tensor_of(values, {n}, Dtype::f64), bf16 = cast(f64, Dtype::bf16);
    const Tensor u8 = Tensor::from(std::vector<uint8_t>(values.begin(), values.end()), {n}, device);
    const Tensor i32 = Tensor::from(std::vector<int32_t>(values.begin(), values.end()), {n}, device);
    const Tensor i64 = Tensor::from(std::vector<int64_t>(values.begin(), values.end()), {n}, device);
    EXPECT_EQ(bf16.to_vector(), values);
    for (const Tensor& x : {f64, cast(f64, Dtype::f32), bf16, u8, i32, i64}) EXPECT_EQ(cast(x, dtype).to_vector(), values);
  }
}

KERNEL_TEST(Elementwise, RowsOfAViewStartAnywhere) {
  const Tensor a = random_tensor({37, 3}, dtype, 1), b = random_tensor({37, 3}, dtype, 2);
  for (const int64_t from : {0, 1, 2, 3, 4})
    for (const int64_t to : {5, 36, 37}) {
      expect_same_bits(add(a.rows(from, to), b.rows(from, to)), add(a, b).rows(from, to));
      expect_same_bits(add(a.rows(from, to), b.rows(0, to - from)), add(b.rows(0, to - from), a.rows(from, to)));
      expect_same_bits(relu(a.rows(from, to)), relu(a).rows(from, to));
    }
}

CUDA_TEST(Elementwise, EveryStepGivesTheSame) {
  // The last is more than one element, or pack of them, for every thread of the largest grid.
  for (const int64_t n : {0, 1, 7, 255, 256, 257, 1009, 2200013}) {
    const Tensor a = random_tensor({n}, dtype, 1), b = full({n}, 0.25, dtype);
    expect_close(cuda::steps::add_thread_per_element(a, b), add(on_cpu(a), on_cpu(b)), 0);
    expect_same_bits(cuda::steps::add_grid_stride(a, b), cuda::steps::add_thread_per_element(a, b));
    expect_same_bits(cuda::add(a, b), cuda::steps::add_thread_per_element(a, b));
    if (n > 5000) continue;
    expect_same_bits(cuda::steps::exp_grid_stride(a), cuda::steps::exp_thread_per_element(a));
    expect_same_bits(cuda::exp(a), cuda::steps::exp_thread_per_element(a));
  }
}

CUDA_TEST(Elementwise, CpuAndCudaAgree) {
  expect_close_on_cpu_and_cuda(
      [&] {
        const Tensor a = random_tensor({1031}, dtype, 1), b = add_offset(random_tensor({1031}, dtype, 2), 2);
        return std::vector<Tensor>{add(a, b), subtract(a, b),  multiply(a, b), divide(a, b), scale(a, 3), add_scalar(a, 3),
                                   relu(a),   relu_grad(a, b), exp(a),         log(b),       sqrt(b),     cast(a, Dtype::bf16)};
      },
      dtype == Dtype::f64 ? 1e-15 : 2e-7);
}

TEST(Elementwise, CastErrors) {
  expect_error([] { cast(Tensor::from<int64_t>({1}, {1}), Dtype::bf16); }, "cast: x is i64 (1); cast it to f32 first");
  expect_error([] { cast(Tensor::zeros({1}), Dtype::u8); }, "cast: x is f32 (1); it can be cast to f32, f64 or bf16, not to u8");
}

KERNEL_TEST(Elementwise, SameBitsForAnyNumberOfThreads) {
  const Tensor a = random_tensor({3, 5, 7, 997}, dtype, 1), b = random_tensor({3, 5, 7, 997}, dtype, 2);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{add(a, b), exp(a), relu(b), cast(a, Dtype::bf16)}; });
}

TEST(Elementwise, Errors) {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({3, 2}), c = Tensor::zeros({2, 3}, Dtype::f64);
  expect_error([&] { add(a, b); }, "add: a is f32 (2, 3) on cpu, b is f32 (3, 2) on cpu; the shapes must be equal");
  expect_error([&] { multiply(a, c); }, "multiply: a is f32 (2, 3) on cpu, b is f64 (2, 3) on cpu; the dtypes must be equal");
  expect_error([&] { relu(Tensor::from<int64_t>({1}, {1})); }, "relu: x is i64 (1) on cpu; expected f32 or f64");
  expect_error([&] { relu(Tensor()); }, "undefined");
}

}  // namespace
}  // namespace tensor::ops
