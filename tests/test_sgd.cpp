// SGD against the formula written out, element by element, and against PyTorch; the gradients' norm; the state for an exact resume.

#include "nn/sgd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/gradient_norm.h"
#include "tests/golden.h"
#include "tests/golden_formula.h"
#include "tests/kernel_testing.h"
#include "tests/temporary.h"

namespace {

using nn::Dtype;
using nn::Shape;
using nn::Tensor;
using nn::Variable;
using tensor::random_tensor;

void check_three_steps(int64_t n, Dtype dtype, const nn::SgdOptions& options) {
  const double tolerance = dtype == Dtype::f64 ? 4e-15 : 1e-6;
  Tensor w = random_tensor({n}, dtype, 1), v = tensor::full({n}, NAN, dtype);
  std::vector<double> expected_w = w.to_vector(), expected_v(n);
  for (int step = 0; step < 3; ++step) {
    const Tensor dw = random_tensor({n}, dtype, 2 + static_cast<uint64_t>(step));
    const std::vector<double> gradient = dw.to_vector();
    nn::sgd_update(w, v, dw, options, step == 0);
    for (size_t i = 0; i < expected_w.size(); ++i) {
      const double g = gradient[i] + options.weight_decay * expected_w[i];
      expected_v[i] = step == 0 ? g : options.momentum * expected_v[i] + g;
      expected_w[i] -= options.lr * (options.nesterov ? g + options.momentum * expected_v[i] : expected_v[i]);
    }
    const std::vector<double> new_w = w.to_vector(), new_v = v.to_vector();
    for (size_t i = 0; i < expected_w.size(); ++i) {
      ASSERT_FALSE(!(std::abs(new_w[i] - expected_w[i]) <= tolerance)) << "step " << step << " element " << i << " of " << n;
      ASSERT_FALSE(!(std::abs(new_v[i] - expected_v[i]) <= tolerance)) << "step " << step << " element " << i << " of " << n;
    }
  }
}

KERNEL_TEST(SgdUpdate, FollowsTheFormula) {
  for (const int64_t n : {0, 1, 2, 7, 31, 1009, 65537})
    for (const bool nesterov : {false, true})
      check_three_steps(n, dtype, {.lr = 0.1, .momentum = 0.9, .weight_decay = 5e-2, .nesterov = nesterov});
  check_three_steps(13, dtype, {.lr = 0.5, .momentum = 0, .weight_decay = 0});
}

KERNEL_TEST(SgdUpdate, SameBitsForAnyNumberOfThreads) {
  tensor::expect_same_bits_for_any_threads([&] {
    Tensor w = random_tensor({100003}, dtype, 1), v = random_tensor({100003}, dtype, 2);
    nn::sgd_update(w, v, random_tensor({100003}, dtype, 3), {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-4}, false);
    return std::vector<Tensor>{w, v};
  });
}

TEST(SgdUpdate, BadInput) {
  Tensor w = Tensor::zeros({3}), v = Tensor::zeros({3});
  EXPECT_NE(message_of([&] { nn::sgd_update(w, v, Tensor::zeros({4}), {}, true); }).find("must be equal"), std::string::npos);
  EXPECT_NE(message_of([&] { nn::sgd_update(w, v, Tensor::zeros({3}, Dtype::f64), {}, true); }).find("f64"), std::string::npos);
  Tensor i = Tensor::zeros({3}, Dtype::i32), j = i.clone();
  EXPECT_NE(message_of([&] { nn::sgd_update(i, j, j, {}, true); }).find("expected f32 or f64"), std::string::npos);
}

std::vector<nn::Module::NamedParameter> two_parameters() {
  return {{"a", Variable(Tensor::full({2}, 1), true)}, {"b", Variable(Tensor::full({3}, 2), true)}};
}

void backward_through(const Variable& x, double slope) { x.backward(Tensor::full(x.shape(), slope)); }

TEST(Sgd, SkipsParametersWithoutGradient) {
  auto parameters = two_parameters();
  nn::Sgd sgd(parameters, {.lr = 0.5, .momentum = 0.9, .weight_decay = 0.1});
  backward_through(parameters[0].variable, 1);
  sgd.step();
  EXPECT_FLOAT_EQ(static_cast<float>(parameters[0].variable.value().to_vector()[1]), 1 - 0.5f * 1.1f);
  EXPECT_EQ(parameters[1].variable.value().to_vector(), (std::vector<double>{2, 2, 2}));  // neither stepped nor decayed
  EXPECT_EQ(sgd.state().size(), 1u);
  sgd.zero_grad();
  const auto before = parameters[0].variable.value().to_vector();
  sgd.step();
  EXPECT_EQ(parameters[0].variable.value().to_vector(), before);
}

TEST(Sgd, ResumesExactly) {
  const auto run = [](int steps, const nn::Sgd* from, const std::vector<nn::Module::NamedParameter>* weights) {
    auto parameters = two_parameters();
    if (weights)
      for (size_t i = 0; i < 2; ++i) parameters[i].variable.mutable_value() = (*weights)[i].variable.value().clone();
    nn::Sgd sgd(parameters, {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01});
    if (from) sgd.load_state(from->state());
    for (int step = 0; step < steps; ++step) {
      sgd.zero_grad();
      for (auto& parameter : parameters) backward_through(parameter.variable, 0.3);
      sgd.step();
    }
    return std::pair(std::move(sgd), parameters);
  };
  const auto [whole, whole_weights] = run(5, nullptr, nullptr);
  const auto [half, half_weights] = run(2, nullptr, nullptr);
  const auto [rest, rest_weights] = run(3, &half, &half_weights);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(whole_weights[i].variable.value().to_vector(), rest_weights[i].variable.value().to_vector());
  // A state saved before is not changed by later steps.
  EXPECT_EQ(half.state().at("momentum.a").to_vector(), run(2, nullptr, nullptr).first.state().at("momentum.a").to_vector());
}

TEST(Sgd, BadInput) {
  nn::Sgd sgd(two_parameters(), {});
  EXPECT_NE(message_of([&] { sgd.load_state({{"momentum.a", Tensor::zeros({3})}}); }).find("another network"), std::string::npos);
  EXPECT_NE(message_of([&] { sgd.load_state({{"momentum.c", Tensor::zeros({3})}}); }).find("only 0 belong"), std::string::npos);
  EXPECT_TRUE(sgd.state().empty());
  sgd.load_state({{"weights.a", Tensor::zeros({9})}});  // what is not a velocity is not ours to judge
  EXPECT_NE(message_of([] { nn::Sgd none({}, {}); }).find("no parameters"), std::string::npos);
  EXPECT_NE(message_of([] { nn::Sgd bad(two_parameters(), {.lr = NAN}); }).find("lr is nan"), std::string::npos);
  EXPECT_NE(message_of([] { nn::Sgd bad(two_parameters(), {.momentum = 1}); }).find("momentum is 1"), std::string::npos);
  EXPECT_NE(message_of([] { nn::Sgd bad(two_parameters(), {.weight_decay = -1}); }).find("weight_decay is -1"), std::string::npos);
  EXPECT_NE(message_of([] { nn::Sgd bad(two_parameters(), {.momentum = 0, .nesterov = true}); }).find("nesterov"), std::string::npos);
}

TEST(Sgd, WithEveryOptionAsPyTorch) {
  const golden::File file("training");
  const int cases = file.cases("sgd.", ".norms");
  EXPECT_GE(cases, 6);
  const std::pair<const char*, Shape> shapes[] = {{"a", {5, 7}}, {"b", {11}}, {"c", {2, 3, 3, 4}}};
  for (int i = 0; i < cases; ++i) {
    const std::string key = fmt::format("sgd.{}.", i);
    SCOPED_TRACE(key);
    const std::vector<double> options = file[key + "options"].to_vector(), norms = file[key + "norms"].to_vector();
    std::vector<nn::Module::NamedParameter> parameters;
    for (const auto& [name, shape] : shapes)
      parameters.push_back({name, Variable(tensor::ops::cast(golden::values(std::string("w.") + name, shape, -1, 1), Dtype::f64), true)});
    nn::Sgd sgd(
        parameters,
        {.lr = 0.1, .momentum = options[0], .weight_decay = options[1], .nesterov = options[2] != 0, .decay_vectors = options[3] != 0});
    EXPECT_EQ(sgd.undecayed(), options[3] != 0 ? std::vector<std::string>{} : std::vector<std::string>{"b"});
    for (size_t step = 0; step < norms.size(); ++step) {
      sgd.zero_grad();
      for (const auto& parameter : parameters)
        parameter.variable.backward(tensor::ops::cast(
            golden::values(fmt::format("dw.{}.{}", parameter.name, step), parameter.variable.shape(), -0.2, 0.2), Dtype::f64));
      const double norm = nn::gradient_norm(parameters);
      EXPECT_NEAR(norm, norms[step], 1e-14);
      sgd.step(options[4] > 0 ? nn::clip_factor(norm, options[4]) : 1);
    }
    for (const auto& parameter : parameters)
      golden::expect_close(parameter.variable.value(), file[key + parameter.name], 1e-14, parameter.name);
  }
}

KERNEL_TEST(GradientNorm, OfEveryLength) {
  for (const int64_t n : {0, 1, 7, 8, 9, 255, 8191, 8193, 32769, 100003}) {
    const Tensor x = random_tensor({n}, dtype, 5);
    long double expected = 0;
    for (const double value : x.to_vector()) expected += static_cast<long double>(value) * static_cast<long double>(value);
    Tensor sums = tensor::full({3}, -1, Dtype::f64);
    nn::square_sum(x, sums, 1);
    EXPECT_NEAR(sums.to_vector()[1], static_cast<double>(expected), 1e-13 * static_cast<double>(expected)) << n;
    EXPECT_EQ(sums.to_vector()[0], -1);
    EXPECT_EQ(sums.to_vector()[2], -1);
  }
}

KERNEL_TEST(GradientNorm, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({300007}, dtype, 6);
  tensor::expect_same_bits_for_any_threads([&] {
    Tensor sums = tensor::full({1}, 0, Dtype::f64);
    nn::square_sum(x, sums, 0);
    return std::vector<Tensor>{sums};
  });
}

KERNEL_TEST(GradientNorm, LargeAndNotFinite) {
  const auto norm_of = [](const Tensor& gradient) {
    std::vector<nn::Module::NamedParameter> parameters = {{"w", Variable(tensor::full(gradient.shape(), 1, gradient.dtype()), true)},
                                                          {"without", Variable(tensor::full({5}, 1, gradient.dtype()), true)}};
    parameters[0].variable.backward(gradient);
    return nn::gradient_norm(parameters);
  };
  // The square of 1e30 is beyond f32.
  EXPECT_NEAR(norm_of(tensor::full({16}, 1e30, dtype)), 4e30, 1e24);
  EXPECT_TRUE(std::isnan(norm_of(tensor::full({3}, NAN, dtype))));
  EXPECT_TRUE(std::isinf(norm_of(tensor::full({3}, INFINITY, dtype))));
  EXPECT_EQ(norm_of(tensor::full({3}, 0, dtype)), 0);
}

TEST(GradientNorm, ClipFactor) {
  EXPECT_EQ(nn::clip_factor(0, 1), 1);
  EXPECT_EQ(nn::clip_factor(0.5, 1), 1);
  EXPECT_DOUBLE_EQ(nn::clip_factor(4, 1), 1 / (4 + 1e-6));
  EXPECT_NE(message_of([] { nn::clip_factor(1, 0); }).find("clipped at a norm of 0"), std::string::npos);
  Tensor sums({2}, Dtype::f64);
  EXPECT_NE(message_of([&] { nn::square_sum(Tensor::zeros({3}), sums, 2); }).find("index 2"), std::string::npos);
  EXPECT_EQ(nn::gradient_norm(two_parameters()), 0);
}

TEST(Sgd, ScaledGradients) {
  auto parameters = two_parameters();
  nn::Sgd sgd(parameters, {.lr = 1, .momentum = 0, .weight_decay = 0.5});
  backward_through(parameters[0].variable, 2);
  sgd.step(0.25);
  EXPECT_EQ(parameters[0].variable.value().to_vector()[0], 1 - (0.5 + 0.5));  // the decay is not scaled
  EXPECT_EQ(parameters[0].variable.grad().to_vector()[0], 2);                 // nor the gradient that others see
  EXPECT_NE(message_of([&] { sgd.step(NAN); }).find("scaled by nan"), std::string::npos);
}

}  // namespace
