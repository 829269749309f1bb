// The checker is checked: each wrong backward must be rejected, the right one accepted.

#include "autograd/gradcheck.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "autograd/ops.h"
#include "tensor/cuda/cuda.h"
#include "tensor/ops/batch_norm.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"

namespace {

namespace ops = tensor::ops;
using autograd::gradcheck;
using autograd::GradcheckReport;
using autograd::Gradients;
using autograd::Needs;
using autograd::random_input;
using autograd::Variable;
using tensor::Dtype;
using tensor::Shape;
using tensor::Tensor;

using Inputs = std::vector<Variable>;

/// exp with a backward of one's own.
autograd::Function exp_with(std::function<Tensor(const Tensor& y, const Tensor& dy)> backward) {
  return [backward](const Inputs& in) {
    Tensor y = ops::exp(in[0].value());
    return autograd::record("exp", y, {in[0]}, [=](const Tensor& dy, const Needs&) -> Gradients { return {backward(y, dy)}; });
  };
}

TEST(Gradcheck, AcceptsTheRightOne) {
  const auto right = exp_with([](const Tensor& y, const Tensor& dy) { return ops::multiply(y, dy); });
  const GradcheckReport report = gradcheck(right, {random_input({3, 5}, 1)});
  EXPECT_TRUE(report.passed) << report.worst_where;
  EXPECT_EQ(report.elements, 15);
  EXPECT_LT(report.worst_error, 1e-8);
}

TEST(Gradcheck, RejectsScaledBy1Point01) {
  const auto wrong = exp_with([](const Tensor& y, const Tensor& dy) { return ops::scale(ops::multiply(y, dy), 1.01); });
  const GradcheckReport report = gradcheck(wrong, {random_input({3, 5}, 1)});
  EXPECT_FALSE(report.passed);
  EXPECT_GT(report.worst_error, 1e-4);
  EXPECT_NE(report.worst_where.find("input 0, element"), std::string::npos) << report.worst_where;
}

TEST(Gradcheck, RejectsOneWrongElement) {
  const auto wrong = exp_with([](const Tensor& y, const Tensor& dy) {
    Tensor dx = ops::multiply(y, dy);
    dx.data<double>()[14] += 1e-3;
    return dx;
  });
  const GradcheckReport report = gradcheck(wrong, {random_input({3, 5}, 1)});
  EXPECT_FALSE(report.passed);
  EXPECT_NE(report.worst_where.find("element 14"), std::string::npos) << report.worst_where;
}

TEST(Gradcheck, RejectsSwappedAxes) {
  // y = a b with square matrices: da = dy b^T; dy b has the right shape and is wrong.
  const auto product = [](ops::Transpose transpose) {
    return [transpose](const Inputs& in) {
      return autograd::record("matmul", ops::matmul(in[0].value(), in[1].value()), in,
                              [a = in[0].value(), b = in[1].value(), transpose](const Tensor& dy, const Needs&) -> Gradients {
                                return {ops::matmul(dy, b, ops::Transpose::no, transpose), ops::matmul(a, dy, ops::Transpose::yes)};
                              });
    };
  };
  const std::vector<Tensor> inputs = {random_input({3, 3}, 1), random_input({3, 3}, 2)};
  EXPECT_TRUE(gradcheck(product(ops::Transpose::yes), inputs).passed);
  EXPECT_FALSE(gradcheck(product(ops::Transpose::no), inputs).passed);
}

TEST(Gradcheck, RejectsSwappedElements) {
  const auto wrong = [](const Inputs& in) {  // a sum of the results would be the same for every order
    return autograd::record("identity", in[0].value().clone(), in, [](const Tensor& dy, const Needs&) -> Gradients {
      Tensor dx = dy.clone();
      std::swap(dx.data<double>()[0], dx.data<double>()[1]);
      return {dx};
    });
  };
  EXPECT_FALSE(gradcheck(wrong, {random_input({4}, 1)}).passed);
  EXPECT_TRUE(gradcheck([&](const Inputs& in) { return autograd::sum(wrong(in)); }, {random_input({4}, 1)}).passed);
}

/// BatchNorm whose dx is zero.
Variable batch_norm_of_zeros(const Inputs& in) {
  const auto forward = ops::batch_norm(in[0].value(), in[1].value(), in[2].value(), Tensor(), {});
  return autograd::record("batch_norm", forward.y, in,
                          [=, x = in[0].value(), gamma = in[1].value()](const Tensor& dy, const Needs&) -> Gradients {
                            auto d = ops::batch_norm_grad(x, gamma, forward.mean, forward.rstd, forward.y, dy, {}, false);
                            return {Tensor::zeros(x.shape(), Dtype::f64), d.dgamma, d.dbeta};
                          });
}

// The sum of a normalized batch does not move with x, so that under a sum as loss a backward of zeros is right, to the last digit.
TEST(Gradcheck, RejectsZerosForBatchNormAsASumWouldNot) {
  const std::vector<Tensor> inputs = {random_input({7, 3}, 1), random_input({3}, 2, 0.5, 1.5), random_input({3}, 3)};
  EXPECT_FALSE(gradcheck(batch_norm_of_zeros, inputs).passed);
  EXPECT_TRUE(gradcheck([](const Inputs& in) { return autograd::sum(batch_norm_of_zeros(in)); }, inputs).passed);
}

TEST(Gradcheck, RejectsWhatIsNotFinite) {
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const auto gradient = exp_with([value](const Tensor& y, const Tensor& dy) {
      Tensor dx = ops::multiply(y, dy);
      dx.data<double>()[2] = value;
      return dx;
    });
    const GradcheckReport report = gradcheck(gradient, {random_input({5}, 1)});
    EXPECT_FALSE(report.passed);
    EXPECT_TRUE(std::isinf(report.worst_error));
    EXPECT_NE(report.worst_where.find("element 2"), std::string::npos) << report.worst_where;

    const auto result = [value](const Inputs& in) {
      return autograd::add(in[0], Variable(Tensor::full(in[0].shape(), value, Dtype::f64)));
    };
    EXPECT_FALSE(gradcheck(result, {random_input({5}, 1)}).passed);
  }
}

TEST(Gradcheck, RejectsAWrongShapeAndAMissingGradient) {
  const auto shape = exp_with([](const Tensor&, const Tensor&) { return Tensor::zeros({5, 1}, Dtype::f64); });
  const GradcheckReport wrong = gradcheck(shape, {random_input({5}, 1)});
  EXPECT_FALSE(wrong.passed);
  EXPECT_NE(wrong.worst_where.find("exp: a gradient of shape (5, 1)"), std::string::npos) << wrong.worst_where;

  const auto missing = exp_with([](const Tensor&, const Tensor&) { return Tensor(); });
  EXPECT_FALSE(gradcheck(missing, {random_input({5}, 1)}).passed);
}

// A gradient that is made of another one, which is skipped when no one needs it.
TEST(Gradcheck, RejectsAGradientThatIsWrongWhenAskedForAlone) {
  const auto product = [](const Inputs& in) {
    return autograd::record("multiply", ops::multiply(in[0].value(), in[1].value()), in,
                            [a = in[0].value(), b = in[1].value()](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                              const Tensor da = needs_input_grad[0] ? ops::multiply(dy, b) : Tensor::zeros(dy.shape(), Dtype::f64);
                              return {da, ops::divide(ops::multiply(da, a), b)};
                            });
  };
  const GradcheckReport report = gradcheck(product, {random_input({5}, 1, 1, 2), random_input({5}, 2, 1, 2)});
  EXPECT_FALSE(report.passed);
  EXPECT_NE(report.worst_where.find("asked for alone"), std::string::npos) << report.worst_where;
}

TEST(Gradcheck, AnUnusedInputHasGradientZero) {
  const std::vector<Tensor> inputs = {random_input({3}, 1), random_input({2}, 2)};
  EXPECT_TRUE(gradcheck([](const Inputs& in) { return autograd::exp(in[0]); }, inputs).passed);
  // and a function that forgets one of its inputs is caught
  const auto forgetful = [](const Inputs& in) { return autograd::multiply(in[0], Variable(in[1].value())); };
  EXPECT_FALSE(gradcheck(forgetful, {random_input({3}, 1), random_input({3}, 2)}).passed);
}

TEST(Gradcheck, NothingComparedIsNotAPass) {
  EXPECT_FALSE(gradcheck([](const Inputs& in) { return autograd::exp(in[0]); }, {Tensor::zeros({0}, Dtype::f64)}).passed);
}

TEST(Gradcheck, WantsDoubles) {
  EXPECT_THROW(gradcheck([](const Inputs& in) { return in[0]; }, {Tensor::zeros({2})}), tensor::Error);
}

TEST(Gradcheck, AMissingKernelIsNoVerdict) {
  const auto missing = [](const Inputs&) -> Variable { throw tensor::NoKernel("exp", "", 0); };
  EXPECT_THROW(gradcheck(missing, {random_input({2}, 1)}), tensor::NoKernel);
  const auto later = exp_with([](const Tensor&, const Tensor&) -> Tensor { throw tensor::NoKernel("exp_grad", "", 0); });
  EXPECT_THROW(gradcheck(later, {random_input({2}, 1)}), tensor::NoKernel);
}

TEST(Gradcheck, RejectsScaledBy1Point01OnCuda) {
  if (const std::string reason = tensor::cuda::unavailable_because(); !reason.empty()) GTEST_SKIP() << reason;
  const tensor::Device device{tensor::Device::Kind::cuda, 0};
  for (const double factor : {1.0, 1.01}) {
    const auto scaled = exp_with([factor](const Tensor& y, const Tensor& dy) {
      EXPECT_FALSE(dy.device().is_cpu());
      return ops::scale(ops::multiply(y, dy), factor);
    });
    const GradcheckReport report = gradcheck(scaled, {random_input({3, 5}, 1)}, 1e-6, 1, device);
    EXPECT_EQ(report.passed, factor == 1.0) << report.worst_where;
    EXPECT_EQ(report.elements, 15);
  }
  // A value or a gradient that comes back on another device is a failure.
  EXPECT_FALSE(gradcheck([](const Inputs& in) { return Variable(in[0].value().to({})); }, {random_input({3}, 1)}, 1e-6, 1, device).passed);
  const auto strays = exp_with([](const Tensor& y, const Tensor& dy) { return ops::multiply(y, dy).to({}); });
  EXPECT_FALSE(gradcheck(strays, {random_input({3}, 1)}, 1e-6, 1, device).passed);
}

TEST(Gradcheck, LeavesItsInputsAlone) {
  const Tensor x = random_input({5}, 1);
  const std::vector<double> before = x.to_vector();
  gradcheck([](const Inputs& in) { return autograd::exp(in[0]); }, {x});
  EXPECT_EQ(x.to_vector(), before);
}

TEST(RandomInput, KeepsItsGapAndItsBounds) {
  for (const double value : random_input({1000}, 5, -1, 1, 0.2).to_vector()) {
    EXPECT_GE(std::abs(value), 0.2);
    EXPECT_LE(std::abs(value), 1);
  }
  EXPECT_EQ(random_input({7}, 5).to_vector(), random_input({7}, 5).to_vector());
  EXPECT_NE(random_input({7}, 5).to_vector(), random_input({7}, 6).to_vector());
}

}  // namespace
