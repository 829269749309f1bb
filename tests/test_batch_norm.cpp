#include "tensor/ops/batch_norm.h"

#include "autograd/cases/batch_norm.h"
#include "tensor/ops/staircase.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

using Case = autograd::cases::BatchNormCase;
using autograd::cases::batch_norm_cases;

struct Inputs {
  Tensor x, gamma, beta, residual, dy;
};

Inputs make_inputs(const Case& test, Dtype dtype, double offset = 0.3) {
  Inputs in;
  in.x = add_offset(random_tensor(test.x, dtype, 1), offset);
  in.gamma = add_offset(random_tensor({test.channels()}, dtype, 2), 0.5);
  in.beta = random_tensor({test.channels()}, dtype, 3);
  if (test.residual) in.residual = random_tensor(test.x, dtype, 4);
  in.dy = random_tensor(test.x, dtype, 5);
  return in;
}

BatchNormResult naive_batch_norm(const Inputs& in, BatchNormParams params) {
  return naive::batch_norm(on_cpu(in.x), on_cpu(in.gamma), on_cpu(in.beta), on_cpu(in.residual), params);
}

void check_forward(decltype(batch_norm)* forward, const Case& test, Dtype dtype) {
  SCOPED_TRACE(test.name());
  const double tolerance = dtype == Dtype::f64 ? 1e-12 : 4e-6;
  // Two rows that nearly agree have an rstd of up to 300, which multiplies the rounding of x.
  const double slack = test.x.numel() / test.channels() < 4 ? 100 : 1;
  const Inputs in = make_inputs(test, dtype);
  const BatchNormParams params{.relu = test.relu};
  const BatchNormResult got = forward(in.x, in.gamma, in.beta, in.residual, params);
  const BatchNormResult want = naive_batch_norm(in, params);
  expect_close(got.y, want.y, tolerance * slack);
  expect_close(got.mean, want.mean, tolerance);
  expect_close(got.var, want.var, tolerance);
  expect_close(got.rstd, want.rstd, tolerance * slack);
}

void check_backward(decltype(batch_norm_grad)* backward, const Case& test, Dtype dtype) {
  SCOPED_TRACE(test.name());
  const double tolerance = dtype == Dtype::f64 ? 1e-11 : 4e-5;
  const double slack = test.x.numel() / test.channels() < 4 ? 100 : 1;
  const Inputs in = make_inputs(test, dtype);
  const BatchNormParams params{.relu = test.relu};
  const BatchNormResult known = naive_batch_norm(in, params);
  const Tensor y = on_device_under_test(known.y), mean = on_device_under_test(known.mean), rstd = on_device_under_test(known.rstd);
  for (const bool needs_dresidual : {false, true}) {
    const auto grad = backward(in.x, in.gamma, mean, rstd, y, in.dy, params, needs_dresidual);
    const auto oracle =
        naive::batch_norm_grad(on_cpu(in.x), on_cpu(in.gamma), known.mean, known.rstd, known.y, on_cpu(in.dy), params, needs_dresidual);
    expect_close(grad.dx, oracle.dx, tolerance * slack);
    expect_close(grad.dgamma, oracle.dgamma, tolerance);
    expect_close(grad.dbeta, oracle.dbeta, tolerance);
    EXPECT_EQ(grad.dresidual.defined(), needs_dresidual);
    if (needs_dresidual) expect_same_bits(grad.dresidual, oracle.dresidual);
    EXPECT_EQ(needs_dresidual && grad.dresidual.shares_storage(in.dy), needs_dresidual && !test.relu);
  }
}

KERNEL_TEST(BatchNorm, AgreesWithTheNaiveLoops) {
  for (const Case& test : batch_norm_cases) check_forward(batch_norm, test, dtype);
  for (const Case& test : batch_norm_cases) check_backward(batch_norm_grad, test, dtype);
}

CUDA_TEST(BatchNorm, EveryStepAgreesWithTheNaiveLoops) {
  for (const Case& test : batch_norm_cases) {
    check_forward(cuda::steps::batch_norm_thread_per_channel, test, dtype);
    check_forward(cuda::steps::batch_norm_two_stages, test, dtype);
    check_backward(cuda::steps::batch_norm_grad_thread_per_channel, test, dtype);
  }
}

CUDA_TEST(BatchNorm, CpuAndCudaAgree) {
  const double tolerance = dtype == Dtype::f64 ? 1e-13 : 1e-5;
  expect_close_on_cpu_and_cuda(
      [&] {
        const Inputs in = make_inputs({{307, 37}, true, true}, dtype);
        const BatchNormParams params{.relu = true};
        const BatchNormResult y = batch_norm(in.x, in.gamma, in.beta, in.residual, params);
        const BatchNormGradients dx = batch_norm_grad(in.x, in.gamma, y.mean, y.rstd, y.y, in.dy, params, true);
        Tensor mean = full({37}, 0.5, dtype), var = full({37}, 2, dtype);
        update_running_statistics(mean, var, y, 307, 0.1);
        const Tensor z = batch_norm_inference(in.x, in.gamma, in.beta, mean, var, in.residual, params);
        const BatchNormGradients dz = batch_norm_inference_grad(in.x, in.gamma, mean, var, z, in.dy, params, true);
        return std::vector<Tensor>{y.y,          y.mean, y.var, y.rstd, dx.dx, dx.dgamma, dx.dbeta,
                                   dx.dresidual, mean,   var,   z,      dz.dx, dz.dgamma, dz.dresidual};
      },
      tolerance);
}

KERNEL_TEST(BatchNorm, SameBitsForAnyNumberOfThreads) {
  const Inputs in = make_inputs({{5003, 24}, true, true}, dtype);
  const BatchNormParams params{.relu = true};
  expect_same_bits_for_any_threads([&] {
    const BatchNormResult y = batch_norm(in.x, in.gamma, in.beta, in.residual, params);
    const BatchNormGradients dx = batch_norm_grad(in.x, in.gamma, y.mean, y.rstd, y.y, in.dy, params, true);
    return std::vector<Tensor>{y.y, y.mean, y.var, y.rstd, dx.dx, dx.dgamma, dx.dbeta, dx.dresidual};
  });
}

KERNEL_TEST(BatchNorm, HandWorkedNumbers) {
  // One channel, 1 2 3 6: mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5.
  const Tensor x = tensor_of({1, 2, 3, 6}, {4, 1}, dtype), one = tensor_of({2}, {1}, dtype), half = tensor_of({0.5}, {1}, dtype);
  const BatchNormResult y = batch_norm(x, one, half, {}, {.eps = 0.5, .relu = true});
  EXPECT_DOUBLE_EQ(y.mean.item(), 3);
  EXPECT_DOUBLE_EQ(y.var.item(), 3.5);
  EXPECT_DOUBLE_EQ(y.rstd.item(), 0.5);
  EXPECT_EQ(y.y.to_vector(), (std::vector<double>{0, 0, 0.5, 3.5}));

  Tensor mean = tensor_of({10}, {1}, dtype), var = tensor_of({1}, {1}, dtype);
  update_running_statistics(mean, var, y, 4, 0.25);
  expect_close(mean, tensor_of({0.75 * 10 + 0.25 * 3}, {1}, dtype), 1e-6);
  expect_close(var, tensor_of({0.75 + 0.25 * 3.5 * 4 / 3}, {1}, dtype), 1e-6);
}

KERNEL_TEST(BatchNorm, AFarMeanKeepsTheVariance) {
  // E[x^2] - mean^2 would lose every digit here.
  const Inputs in = make_inputs({{3001, 9}, false, false}, dtype, 4096);
  const BatchNormResult got = batch_norm(in.x, in.gamma, in.beta, {}, {}), want = naive_batch_norm(in, {});
  expect_close(got.var, want.var, 1e-6);
  expect_close(got.mean, want.mean, 1e-7);
}

KERNEL_TEST(BatchNorm, ConstantChannelsAndNan) {
  const Tensor constant = full({1000, 3}, 0.1, dtype), gamma = full({3}, 1, dtype), beta = full({3}, 0.25, dtype);
  const BatchNormResult y = batch_norm(constant, gamma, beta, {}, {});
  for (const double value : y.var.to_vector()) EXPECT_LT(value, 1e-30);
  expect_close(y.y, full({1000, 3}, 0.25, dtype), 1e-6);

  std::vector<double> values(30, 1.0);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 7);
  values[4] = std::nan("");  // row 1, channel 1
  const std::vector<double> z = batch_norm(tensor_of(values, {10, 3}, dtype), gamma, beta, {}, {.relu = true}).y.to_vector();
  for (size_t i = 0; i < z.size(); ++i) EXPECT_EQ(std::isnan(z[i]), i % 3 == 1);
}

KERNEL_TEST(BatchNorm, InferenceUsesGivenStatistics) {
  const Inputs in = make_inputs({{29, 11}, true, true}, dtype);
  const Tensor mean = random_tensor({11}, dtype, 7), var = add_offset(random_tensor({11}, dtype, 8), 1.5);
  const BatchNormParams params{.relu = true};
  const Tensor y = batch_norm_inference(in.x, in.gamma, in.beta, mean, var, in.residual, params);
  const auto grad = batch_norm_inference_grad(in.x, in.gamma, mean, var, y, in.dy, params, true);
  const auto x = in.x.to_vector(), gamma = in.gamma.to_vector(), beta = in.beta.to_vector(), m = mean.to_vector(), v = var.to_vector(),
             residual = in.residual.to_vector(), dy = in.dy.to_vector(), y_values = y.to_vector();
  std::vector<double> want(x.size()), dx(x.size()), g(x.size()), dgamma(11), dbeta(11);
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t c = i % 11;
    const double rstd = 1 / std::sqrt(v[c] + params.eps);
    want[i] = std::max(0.0, gamma[c] * (x[i] - m[c]) * rstd + beta[c] + residual[i]);
    g[i] = y_values[i] > 0 ? dy[i] : 0;
    dx[i] = gamma[c] * rstd * g[i];
    dgamma[c] += g[i] * (x[i] - m[c]) * rstd;
    dbeta[c] += g[i];
  }
  expect_close(y, tensor_of(want, {29, 11}, dtype), 1e-5);
  expect_close(grad.dx, tensor_of(dx, {29, 11}, dtype), 1e-5);
  expect_close(grad.dresidual, tensor_of(g, {29, 11}, dtype), 0);
  expect_close(grad.dgamma, tensor_of(dgamma, {11}, dtype), 1e-5);
  expect_close(grad.dbeta, tensor_of(dbeta, {11}, dtype), 1e-5);
}

KERNEL_TEST(BatchNorm, GradientIsTheDifferenceQuotient) {
  if (dtype != Dtype::f64) return;
  const Inputs in = make_inputs({{7, 3}, true, false}, Dtype::f64);
  const BatchNormParams params{};
  const BatchNormResult y = batch_norm(in.x, in.gamma, in.beta, in.residual, params);
  const BatchNormGradients grad = batch_norm_grad(in.x, in.gamma, y.mean, y.rstd, y.y, in.dy, params, true);
  expect_gradient(in.x, in.dy, grad.dx, [&](const Tensor& x) { return batch_norm(x, in.gamma, in.beta, in.residual, params).y; });
  expect_gradient(in.gamma, in.dy, grad.dgamma, [&](const Tensor& g) { return batch_norm(in.x, g, in.beta, in.residual, params).y; });
  expect_gradient(in.beta, in.dy, grad.dbeta, [&](const Tensor& b) { return batch_norm(in.x, in.gamma, b, in.residual, params).y; });
}

TEST(BatchNorm, Errors) {
  const Tensor x = Tensor::zeros({1, 3}), c = Tensor::zeros({3});
  expect_error([&] { batch_norm(x, c, c, {}, {}); }, "1 value per channel");
  expect_error(
      [&] {
        batch_norm(Tensor::zeros({4, 3}), Tensor::zeros({2}), c, {}, {});
      },
      "gamma is f32 (2) on cpu; expected the shape (3)");
  expect_error([&] { batch_norm(Tensor::zeros({4, 3}), c, Tensor::zeros({3}, Dtype::f64), {}, {}); }, "beta is f64");
  expect_error([&] { batch_norm(Tensor::zeros({4, 3}), c, c, Tensor::zeros({3, 3}), {}); }, "residual is f32 (3, 3)");
}

KERNEL_TEST(BatchNorm, Empty) {
  const Tensor no_rows = full({0, 3}, 0, dtype), c = full({3}, 1, dtype), no_channels = full({5, 0}, 0, dtype), none = full({0}, 0, dtype);
  EXPECT_EQ(batch_norm_inference(no_rows, c, c, c, c, {}, {}).numel(), 0);
  EXPECT_EQ(batch_norm_inference(no_channels, none, none, none, none, {}, {}).numel(), 0);
  const BatchNormGradients grad = batch_norm_inference_grad(no_rows, c, c, c, no_rows, no_rows, {.relu = true}, true);
  EXPECT_EQ(grad.dx.numel(), 0);
  EXPECT_EQ(grad.dgamma.to_vector(), std::vector<double>(3, 0));
  EXPECT_EQ(grad.dbeta.to_vector(), std::vector<double>(3, 0));
  BatchNormResult y = batch_norm(no_channels, none, none, {}, {});
  EXPECT_EQ(y.y.numel(), 0);
  EXPECT_EQ(batch_norm_grad(no_channels, none, none, none, no_channels, no_channels, {}, false).dx.numel(), 0);
  Tensor mean = full({0}, 0, dtype), var = full({0}, 0, dtype);
  update_running_statistics(mean, var, y, 5, 0.1);
}

}  // namespace
}  // namespace tensor::ops
