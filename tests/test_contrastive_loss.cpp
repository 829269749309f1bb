#include "nn/contrastive_loss.h"

#include <cmath>

#include "autograd/ops.h"
#include "nn/cases/contrastive_loss.h"
#include "tests/kernel_testing.h"

namespace {

using autograd::Variable;
using nn::ContrastiveOptions;
using tensor::Dtype;
using tensor::Shape;
using tensor::Tensor;

using Case = nn::cases::ContrastiveLossCase;
using nn::cases::groups_of;
const auto& cases = nn::cases::contrastive_loss_cases;  // their gradients: tests/test_op_gradients.cpp

/// The sum of the formula, without a shift.
double formula(const Tensor& s, const Case& c) {
  const auto n = static_cast<int64_t>(c.groups.size());
  const std::vector<double> values = s.to_vector();
  const auto score = [&](int64_t i, int64_t j) { return c.options.inverse_temperature * values[i * n + j]; };
  double loss = 0;
  for (int64_t i = 0; i < n; ++i) {
    double others = 0, pull = 0, positives = 0;
    for (int64_t a = 0; a < n; ++a)
      if (a != i) others += std::exp(score(i, a));
    for (int64_t p = 0; p < n; ++p)
      if (p != i && c.groups[p] == c.groups[i]) {
        pull += score(i, p) - std::log(others);
        ++positives;
      }
    if (positives > 0) loss -= pull / positives;
  }
  return c.options.scale * loss / static_cast<double>(n);
}

TEST(ContrastiveLoss, IsTheFormula) {
  for (const Case& c : cases)
    for (const Dtype dtype : {Dtype::f64, Dtype::f32}) {
      const auto n = static_cast<int64_t>(c.groups.size());
      const Tensor s = tensor::random_tensor({n, n}, dtype, 5);
      const double got = nn::contrastive_loss(Variable(s), groups_of(c), c.options).value().item();
      EXPECT_NEAR(got, formula(s, c), dtype == Dtype::f64 ? 1e-12 : 1e-5) << n;
    }
}

TEST(ContrastiveLoss, DoesNotLookAtTheDiagonal) {
  const Case& c = cases[3];
  const int64_t n = 7;
  Tensor s = tensor::random_tensor({n, n}, Dtype::f64, 5);
  const double before = nn::contrastive_loss(Variable(s), groups_of(c)).value().item();
  for (int64_t i = 0; i < n; ++i) s.data<double>()[i * n + i] = std::nan("");
  const auto result = nn::contrastive_loss_and_grad(s, groups_of(c), {});
  EXPECT_EQ(result.loss.item(), before);
  for (int64_t i = 0; i < n; ++i) EXPECT_EQ(result.dsimilarity.to_vector()[i * n + i], 0);
}

// Rows without positives (3 and 6 in the case) neither pull nor push.
TEST(ContrastiveLoss, GuardsRowsWithoutPositives) {
  const Tensor s = tensor::random_tensor({7, 7}, Dtype::f64, 5);
  const std::vector<double> ds = nn::contrastive_loss_and_grad(s, groups_of(cases[3]), {}).dsimilarity.to_vector();
  for (const size_t row : {3, 6})
    for (size_t j = 0; j < 7; ++j) EXPECT_EQ(ds[row * 7 + j], 0);
  EXPECT_EQ(nn::contrastive_loss(Variable(tensor::random_tensor({2, 2}, Dtype::f64, 5)), groups_of(cases[2])).value().item(), 0);
}

TEST(ContrastiveLoss, SurvivesLargeScores) {
  const Tensor s = Tensor::from(std::vector<float>{0, 300, -300, 300, 0, 250, -300, 250, 0}, {3, 3});
  const double loss = nn::contrastive_loss(Variable(s), Tensor::from(std::vector<int64_t>{0, 0, 1}, {3})).value().item();
  EXPECT_NEAR(loss, 0, 1e-6);  // both positives are the largest of their rows by far
}

TEST(ContrastiveLoss, ANanReachesTheLoss) {
  Tensor s = tensor::random_tensor({4, 4}, Dtype::f64, 5);
  s.data<double>()[2] = std::nan("");
  EXPECT_TRUE(std::isnan(nn::contrastive_loss(Variable(s), Tensor::from(std::vector<int64_t>{0, 1, 0, 1}, {4})).value().item()));
}

TEST(ContrastiveLoss, CollapsesToTheLogarithm) {
  const ContrastiveOptions options{.inverse_temperature = 10, .scale = 0.1 / 0.07};
  const Tensor z = Tensor::full({6, 3}, 1 / std::sqrt(3.0), Dtype::f64);
  const double loss = nn::supcon(Variable(z), Tensor::from(std::vector<int64_t>{0, 1, 2, 0, 1, 2}, {6}), options).value().item();
  EXPECT_NEAR(loss, nn::collapsed_contrastive_loss(6, options), 1e-12);
  EXPECT_NEAR(loss, 0.1 / 0.07 * std::log(5.0), 1e-12);
}

TEST(SimClr, TakesTheOtherViewsAlone) {
  const Tensor z = tensor::random_tensor({6, 5}, Dtype::f64, 9);
  const double got = nn::simclr(Variable(z), 2).value().item();
  const double want = nn::supcon(Variable(z), Tensor::from(std::vector<int64_t>{7, 8, 9, 7, 8, 9}, {6})).value().item();
  EXPECT_EQ(got, want);
  EXPECT_THROW(nn::simclr(Variable(z), 1), tensor::Error);
  EXPECT_THROW(nn::simclr(Variable(z), 4), tensor::Error);
}

TEST(ContrastiveLoss, RefusesWhatDoesNotFit) {
  const Variable s(tensor::random_tensor({3, 3}, Dtype::f64, 1));
  const Tensor groups = Tensor::from(std::vector<int64_t>{0, 1, 0}, {3});
  const auto fault = [&](const Variable& similarity, const Tensor& of, ContrastiveOptions options = {}) {
    return message_of([&] { nn::contrastive_loss(similarity, of, options); });
  };
  EXPECT_NE(fault(Variable(tensor::random_tensor({3, 2}, Dtype::f64, 1)), groups).find("(N, N)"), std::string::npos);
  EXPECT_NE(fault(s, Tensor::from(std::vector<int64_t>{0, 1}, {2})).find("shape"), std::string::npos);
  EXPECT_NE(fault(s, tensor::random_tensor({3}, Dtype::f64, 1)).find("i64"), std::string::npos);
  EXPECT_NE(fault(s, groups, {.inverse_temperature = 0}).find("positive"), std::string::npos);
}

}  // namespace
