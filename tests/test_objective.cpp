#include "mode/training/objective.h"

#include <cmath>
#include <set>

#include "nn/layers.h"
#include "nn/module.h"
#include "nn/sgd.h"
#include "tests/kernel_testing.h"

namespace {

using autograd::Variable;
using mode::Objective;
using mode::ObjectiveOptions;
using Base = ObjectiveOptions::Base;
using tensor::Dtype;
using tensor::Shape;
using tensor::Tensor;

/// Two views of four images through a small network.
struct Setting {
  std::unique_ptr<nn::ResNet> net = nn::make_resnet("resnet8", {.classes = 3});
  Tensor images = tensor::random_tensor({8, 16, 16, 3}, Dtype::f32, 3);
  Tensor labels = Tensor::from(std::vector<int64_t>{0, 1, 0, 2}, Shape{4});
  Tensor repeated = Tensor::from(std::vector<int64_t>{0, 1, 0, 2, 0, 1, 0, 2}, Shape{8});
};

std::set<std::string> names_of(const nn::Module& module) {
  std::set<std::string> names;
  for (const auto& parameter : module.named_parameters()) names.insert(parameter.name);
  return names;
}

TEST(Objective, CrossEntropyAloneHasNoHeads) {
  Setting s;
  const Objective objective({}, s.net->feature_dim());
  EXPECT_TRUE(names_of(objective).empty());
  const nn::ResNetOutput output = (*s.net)(s.images);
  const auto result = objective(output, s.labels, 2);
  ASSERT_EQ(result.terms.size(), 1u);
  EXPECT_EQ(result.terms[0].first, "cross_entropy");
  EXPECT_EQ(result.total.value().item(), nn::cross_entropy(output.logits, s.repeated).value().item());
}

TEST(Objective, HeadsHaveTheirNames) {
  const Objective both({.base = Base::supcon, .alpa_weight = 1}, 64);
  EXPECT_EQ(names_of(both), (std::set<std::string>{"alpa.key.0.weight", "alpa.key.2.weight", "alpa.query.0.weight", "alpa.query.2.weight",
                                                   "alpa.value.0.weight", "alpa.value.2.weight", "head.0.bias", "head.0.weight",
                                                   "head.2.bias", "head.2.weight"}));
  int64_t parameters = 0;
  for (const auto& parameter : Objective({.base = Base::none, .alpa_weight = 1}, 512).named_parameters())
    parameters += parameter.variable.value().numel();
  EXPECT_EQ(parameters, 909312);  // mode/README.md, eq. (1)
}

TEST(Objective, TermsAddUpWithTheirWeights) {
  Setting s;
  for (const Base base : {Base::none, Base::cross_entropy, Base::supcon, Base::simclr})
    for (const double weight : {0.0, 1.0, 0.25}) {
      if (base == Base::none && weight == 0) continue;
      Objective objective({.base = base, .alpa_weight = weight}, s.net->feature_dim());
      nn::initialize(objective, 2);
      const auto result = objective((*s.net)(s.images), s.labels, 2);
      ASSERT_EQ(result.terms.size(), static_cast<size_t>((base != Base::none) + (weight > 0)));
      double total = 0;
      for (const auto& [name, value] : result.terms) {
        EXPECT_TRUE(std::isfinite(value) && value > 0) << name;
        total += name == "alpa" ? weight * value : value;
      }
      EXPECT_NEAR(result.total.value().item(), total, 1e-5 * total);
    }
}

TEST(Objective, PositivesAreByLabelOrByImage) {
  Setting s;
  const nn::ResNetOutput output = (*s.net)(s.images);
  const auto alpa = [&](bool by_image, const Tensor& labels) {
    Objective objective({.base = Base::none, .alpa_weight = 1, .alpa_by_image = by_image}, s.net->feature_dim());
    nn::initialize(objective, 2);
    return objective(output, labels, 2).total.value().item();
  };
  const Tensor distinct = Tensor::from(std::vector<int64_t>{0, 1, 2, 3}, Shape{4});
  EXPECT_EQ(alpa(true, s.labels), alpa(false, distinct));
  EXPECT_NE(alpa(false, s.labels), alpa(false, distinct));
}

// MODE-F trains everything but the classifier, which has no gradient: it is neither stepped nor decayed.
TEST(Objective, AlpaAloneLeavesTheClassifier) {
  Setting s;
  s.net->train();
  Objective objective({.base = Base::none, .alpa_weight = 1}, s.net->feature_dim());
  nn::initialize(objective, 2);
  std::vector<nn::Module::NamedParameter> parameters = s.net->named_parameters();
  for (const auto& parameter : objective.named_parameters()) parameters.push_back(parameter);
  nn::Sgd sgd(parameters, {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.1});
  const std::vector<double> classifier = parameters[parameters.size() - 8].variable.value().to_vector();
  ASSERT_EQ(parameters[parameters.size() - 8].name, "fc.weight");
  double first = 0, last = 0;
  for (int step = 0; step < 12; ++step) {
    sgd.zero_grad();
    const auto result = objective((*s.net)(s.images), s.labels, 2);
    (step == 0 ? first : last) = result.total.value().item();
    result.total.backward();
    for (const auto& parameter : parameters)
      EXPECT_EQ(parameter.variable.grad().defined(), parameter.name.rfind("fc.", 0) != 0) << parameter.name;
    sgd.step();
  }
  EXPECT_LT(last, first);
  EXPECT_EQ(parameters[parameters.size() - 8].variable.value().to_vector(), classifier);
}

TEST(Objective, RefusesWhatCannotBeLearned) {
  expect_error([] { Objective({.base = Base::none}, 64); }, "nothing would be learned");
  expect_error([] { Objective({.alpa_weight = NAN}, 64); }, "alpa_weight");
  Setting s;
  const Objective objective({}, s.net->feature_dim());
  const nn::ResNetOutput output = (*s.net)(s.images);
  expect_error([&] { objective(output, s.labels, 1); }, "8 rows of 4 labels in 1 views");
  const Objective simclr({.base = Base::simclr}, s.net->feature_dim());
  expect_error([&] { simclr(output, s.repeated, 1); }, "at least 2");
}

}  // namespace
