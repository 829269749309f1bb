#include "mode/alpa/alpa.h"

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "mode/alpa/alpa_loss.h"
#include "mode/cases/alpa.h"
#include "nn/contrastive_loss.h"
#include "nn/module.h"
#include "tests/kernel_testing.h"

namespace {

using autograd::Variable;
using mode::AlpaAggregate;
using tensor::Dtype;
using tensor::Shape;
using tensor::Tensor;

constexpr AlpaAggregate aggregates[] = {AlpaAggregate::mean, AlpaAggregate::max, AlpaAggregate::sum, AlpaAggregate::logsum};

using mode::cases::AlpaCase;

Tensor inputs_of(const AlpaCase& c, Dtype dtype, uint64_t seed) { return tensor::random_tensor(c.shape(), dtype, seed); }

std::vector<Tensor> gradients(const std::function<Variable(const std::vector<Variable>&)>& function, const std::vector<Tensor>& inputs,
                              const Tensor& ds) {
  std::vector<Variable> variables;
  for (const Tensor& input : inputs) variables.emplace_back(input, true);
  function(variables).backward(ds);
  std::vector<Tensor> result;
  for (const Variable& variable : variables) result.push_back(variable.grad());
  return result;
}

class Alpa : public testing::TestWithParam<tensor::Isa> {
 protected:
  void SetUp() override { tensor::set_isa(GetParam()); }
  const tensor::RestoreSettings restore_;
};

TEST_P(Alpa, IsTheFormula) {
  for (const Dtype dtype : {Dtype::f64, Dtype::f32})
    for (const AlpaCase& c : mode::cases::alpa_cases)
      for (const AlpaAggregate aggregate : aggregates) {
        SCOPED_TRACE(
            fmt::format("N {} R {} C {} aggregate {} {}", c.images, c.regions, c.width, static_cast<int>(aggregate), tensor::name(dtype)));
        const double tolerance = dtype == Dtype::f64 ? 1e-10 : 2e-4;
        const std::vector<Tensor> in = {inputs_of(c, dtype, 1), inputs_of(c, dtype, 2), inputs_of(c, dtype, 3)};
        const Tensor ds = tensor::random_tensor({c.images, c.images}, dtype, 4);
        const auto fused = [&](const std::vector<Variable>& x) { return mode::alpa_similarity(x[0], x[1], x[2], aggregate); };
        const auto plain = [&](const std::vector<Variable>& x) { return mode::naive::alpa_similarity(x[0], x[1], x[2], aggregate); };
        const std::vector<Variable> constants(in.begin(), in.end());
        tensor::expect_close(fused(constants).value(), plain(constants).value(), tolerance);
        // A near tie of two cosines is a kink of their maximum; f64 tells them apart.
        if (dtype == Dtype::f32 && aggregate == AlpaAggregate::max) continue;
        const std::vector<Tensor> got = gradients(fused, in, ds), want = gradients(plain, in, ds);
        for (size_t i = 0; i < 3; ++i) tensor::expect_close(got[i], want[i], dtype == Dtype::f64 ? 1e-10 : 2e-3);
      }
}
// The formulas from plain ops, element by element; the fused kernel's gradients: tests/test_op_gradients.cpp.
TEST(AlpaFromPlainOps, PassesTheGradientCheck) {
  for (const AlpaCase& c : mode::cases::alpa_cases)
    for (const AlpaAggregate aggregate : aggregates) {
      if (!c.is_small()) continue;
      SCOPED_TRACE(fmt::format("N {} R {} C {} aggregate {}", c.images, c.regions, c.width, static_cast<int>(aggregate)));
      std::vector<Tensor> in;
      for (const uint64_t seed : {11, 12, 13}) in.push_back(autograd::random_input(c.shape(), seed));
      const auto report = autograd::gradcheck(
          [&](const std::vector<Variable>& x) { return mode::naive::alpa_similarity(x[0], x[1], x[2], aggregate); }, in);
      EXPECT_TRUE(report.passed) << report.worst_error << " " << report.worst_where;
    }
}

TEST_P(Alpa, HasTheSameBitsForAnyNumberOfThreads) {
  const AlpaCase c{23, 9, 17};
  const Tensor q = inputs_of(c, Dtype::f32, 1), k = inputs_of(c, Dtype::f32, 2), v = inputs_of(c, Dtype::f32, 3);
  const Tensor ds = tensor::random_tensor({c.images, c.images}, Dtype::f32, 4);
  std::vector<std::vector<double>> first;
  for (const int threads : {1, 2, 5}) {
    tensor::set_num_threads(threads);
    const mode::AlpaGradients d = mode::alpa_pairs_grad(q, k, v, AlpaAggregate::mean, ds);
    const std::vector<std::vector<double>> all = {mode::alpa_pairs(q, k, v, AlpaAggregate::mean).to_vector(), d.dq.to_vector(),
                                                  d.dk.to_vector(), d.dv.to_vector()};
    if (first.empty()) first = all;
    EXPECT_EQ(all, first) << threads;
  }
}

// Heads without biases do give zero vectors. PyTorch's clamp lets gradients of 1e7 pass there.
TEST_P(Alpa, AVectorOfNothingHasNoCosineAndNoGradient) {
  const AlpaCase c{3, 4, 5};
  const Tensor q = inputs_of(c, Dtype::f64, 1), k = inputs_of(c, Dtype::f64, 2);
  Tensor v = inputs_of(c, Dtype::f64, 3);
  std::fill_n(v.data<double>() + 5, 5, 0.0);        // image 0, region 1
  std::fill_n(v.data<double>() + 2 * 20, 20, 0.0);  // all of image 2: its cosine with any other vector is 0
  const Tensor s = mode::alpa_pairs(q, k, v, AlpaAggregate::sum);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(s.data<double>()[i * 3 + 2], 0) << i;
    EXPECT_EQ(s.data<double>()[2 * 3 + i], 0) << i;
  }
  const Tensor ds = tensor::random_tensor({3, 3}, Dtype::f64, 4);
  const auto fused = [](const std::vector<Variable>& x) { return mode::alpa_similarity(x[0], x[1], x[2]); };
  const auto plain = [](const std::vector<Variable>& x) { return mode::naive::alpa_similarity(x[0], x[1], x[2]); };
  const std::vector<Tensor> got = gradients(fused, {q, k, v}, ds), want = gradients(plain, {q, k, v}, ds);
  for (size_t i = 0; i < 3; ++i) tensor::expect_close(got[i], want[i], 1e-10);
  const std::vector<double> dv = got[2].to_vector();
  for (size_t at = 40; at < 60; ++at) EXPECT_EQ(dv[at], 0) << at;
}

TEST(AlpaSimilarity, IsSymmetricAndItsPairsAreNot) {
  const AlpaCase c{6, 4, 8};
  const Tensor q = inputs_of(c, Dtype::f64, 1), k = inputs_of(c, Dtype::f64, 2), v = inputs_of(c, Dtype::f64, 3);
  const std::vector<double> s = mode::alpa_similarity(Variable(q), Variable(k), Variable(v)).value().to_vector();
  const std::vector<double> pairs = mode::alpa_pairs(q, k, v, AlpaAggregate::mean).to_vector();
  double difference = 0;
  for (size_t i = 0; i < 6; ++i)
    for (size_t j = 0; j < 6; ++j) {
      EXPECT_EQ(s[i * 6 + j], s[j * 6 + i]);
      difference = std::max(difference, std::abs(pairs[i * 6 + j] - pairs[j * 6 + i]));
    }
  EXPECT_GT(difference, 0.01);
}

TEST(AlpaSimilarity, RefusesWhatDoesNotFit) {
  const Tensor x = tensor::random_tensor({2, 3, 4}, Dtype::f32, 1);
  const auto fault = [](const Tensor& q, const Tensor& k, const Tensor& v) {
    return message_of([&] { mode::alpa_pairs(q, k, v, AlpaAggregate::mean); });
  };
  EXPECT_NE(fault(x.reshape(Shape{6, 4}), x, x).find("(images, regions, width)"), std::string::npos);
  EXPECT_NE(fault(x, tensor::random_tensor({2, 3, 5}, Dtype::f32, 1), x).find("(2, 3, 5)"), std::string::npos);
  EXPECT_NE(fault(x, x, tensor::random_tensor({2, 3, 4}, Dtype::f64, 1)).find("f64"), std::string::npos);
  EXPECT_NE(fault(Tensor({2, 0, 4}), x, x).find("(2, 0, 4); it must have at least one image"), std::string::npos);
}

TEST(AlpaRegions, AreThePositionsOrWindowsOfALargerMap) {
  const Tensor map = tensor::random_tensor({2, 4, 3, 5}, Dtype::f64, 1);
  EXPECT_EQ(mode::alpa_vectors(Variable(map), 4).value().to_vector(), map.to_vector());
  const Variable pooled = mode::alpa_vectors(Variable(tensor::random_tensor({1, 8, 7, 2}, Dtype::f64, 2)), 4);
  EXPECT_EQ(pooled.shape().to_string(), Shape({1, 16, 2}).to_string());
  const std::vector<double> large = tensor::random_tensor({1, 8, 7, 2}, Dtype::f64, 2).to_vector();
  // Window (row 1, column 1) of 4 x 4: rows 2 to 3, columns floor(7/4) = 1 to ceil(14/4) - 1 = 3.
  double mean = 0;
  for (size_t row = 2; row < 4; ++row)
    for (size_t column = 1; column < 4; ++column) mean += large[(row * 7 + column) * 2] / 6;
  EXPECT_NEAR(pooled.value().to_vector()[5 * 2], mean, 1e-12);
}

// Gradients through heads, similarities and loss, over every weight and every element of the map.
TEST(AlpaLoss, PassesTheGradientCheck) {
  mode::AlpaHeads heads(3, 2);
  nn::initialize(heads, 5);
  std::vector<Tensor> in = {autograd::random_input({4, 2, 1, 3}, 21, 0, 1)};
  const std::vector<nn::Module::NamedParameter> parameters = heads.named_parameters();
  ASSERT_EQ(parameters.size(), 6u);
  EXPECT_EQ(parameters[0].name, "query.0.weight");
  EXPECT_EQ(parameters[5].name, "value.2.weight");
  const Tensor labels = Tensor::from(std::vector<int64_t>{0, 1, 0, 1}, {4});
  for (const auto& parameter : parameters) in.push_back(autograd::random_input(parameter.variable.shape(), in.size() + 30, -1, 1, 0.2));
  const auto report = autograd::gradcheck(
      [&](const std::vector<Variable>& x) {
        const Variable rows = autograd::reshape(x[0], {8, 3});
        const auto head = [&](size_t first) {
          const Variable h = autograd::linear(autograd::relu(autograd::linear(rows, x[first], {})), x[first + 1], {});
          return autograd::reshape(h, {4, 2, 2});
        };
        return nn::contrastive_loss(mode::alpa_similarity(head(1), head(3), head(5)), labels);
      },
      in);
  EXPECT_TRUE(report.passed) << report.worst_error << " " << report.worst_where;
}

TEST(AlpaLoss, Learns) {
  constexpr int64_t n = 64;
  mode::AlpaHeads heads(32, 16);
  nn::initialize(heads, 1);
  const Variable map(tensor::random_tensor({n, 4, 4, 32}, Dtype::f32, 3), true);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < n; ++i) labels.push_back(i % 4);
  const Tensor groups = Tensor::from(labels, Shape{n});
  double before = 0;
  for (int step = 0; step < 20; ++step) {
    const Variable loss = mode::alpa_loss(heads, map, groups);
    if (step == 0) before = loss.value().item();
    loss.backward();
    for (Variable parameter : heads.parameters()) {
      Tensor& w = parameter.mutable_value();
      const Tensor& dw = parameter.grad();
      for (int64_t at = 0; at < w.numel(); ++at) w.data<float>()[at] -= 0.2f * dw.data<float>()[at];
      parameter.zero_grad();
    }
  }
  const double after = mode::alpa_loss(heads, map, groups).value().item();
  EXPECT_LT(after, before - 0.02);
}

INSTANTIATE_TEST_SUITE_P(Isa, Alpa, testing::ValuesIn(tensor::available_isas()),
                         [](const auto& info) { return std::string(tensor::name(info.param)); });

}  // namespace
