// SGD against the formula written out, element by element, and the state for an exact resume.

#include "nn/sgd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/schedule.h"
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
  std::vector<double> expected_w = w.to_vector(), expected_v(static_cast<size_t>(n));
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

TEST(CosineSchedule, FromPeakToEnd) {
  const nn::CosineSchedule schedule{.lr = 0.5, .final_ratio = 1e-3, .total_steps = 101};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.5);
  EXPECT_NEAR(schedule.at(50), (0.5 + 0.5e-3) / 2, 1e-15);
  EXPECT_NEAR(schedule.at(25), 0.5e-3 + (0.5 - 0.5e-3) * (1 + std::sqrt(0.5)) / 2, 1e-15);
  EXPECT_NEAR(schedule.at(100), 0.5e-3, 1e-18);
  EXPECT_EQ(schedule.at(1000), schedule.at(100));
  for (int64_t step = 0; step < 100; ++step) EXPECT_GT(schedule.at(step), schedule.at(step + 1)) << step;
}

TEST(CosineSchedule, WarmUp) {
  const nn::CosineSchedule schedule{.lr = 0.5, .warmup_start = 0.1, .warmup_steps = 4, .total_steps = 10};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(1), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(3), 0.4);
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.5);
  EXPECT_NEAR(schedule.at(9), 0.5e-3, 1e-18);
}

TEST(CosineSchedule, EdgesAndBadInput) {
  EXPECT_DOUBLE_EQ((nn::CosineSchedule{.lr = 0.2, .total_steps = 1}).at(0), 0.2);
  EXPECT_DOUBLE_EQ((nn::CosineSchedule{.lr = 0.2, .warmup_steps = 3, .total_steps = 3}).at(7), 0.2);
  EXPECT_NE(message_of([] { nn::CosineSchedule{.total_steps = 0}.at(0); }).find("0 steps"), std::string::npos);
  EXPECT_NE(message_of([] { nn::CosineSchedule{.warmup_steps = 5, .total_steps = 4}.at(0); }).find("5 warm-up steps"), std::string::npos);
  EXPECT_NE(message_of([] { nn::CosineSchedule{}.at(-1); }).find("negative"), std::string::npos);
}

}  // namespace
