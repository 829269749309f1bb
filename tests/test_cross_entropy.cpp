#include "tensor/ops/cross_entropy.h"

#include "autograd/cases/cross_entropy.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/softmax.h"
#include "tests/golden.h"
#include "tests/golden_formula.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

Tensor labels_of(const std::vector<int64_t>& labels) {
  return Tensor::from(labels, {static_cast<int64_t>(labels.size())}, device_under_test());
}

KERNEL_TEST(CrossEntropy, HandWorkedNumbers) {
  const double tolerance = dtype == Dtype::f64 ? 1e-15 : 2e-7;
  const Tensor logits = tensor_of({0, std::log(3.0), 500, 500}, {2, 2}, dtype), labels = labels_of({0, 1});
  const CrossEntropyResult result = cross_entropy(logits, labels);
  EXPECT_EQ(result.loss.shape(), Shape{});
  EXPECT_NEAR(result.loss.item(), (std::log(4.0) + std::log(2.0)) / 2, tolerance * 2);
  expect_close(result.probabilities, tensor_of({0.25, 0.75, 0.5, 0.5}, {2, 2}, dtype), tolerance);
  const Tensor dx = cross_entropy_grad(result.probabilities, labels, tensor_of({2}, {}, dtype));
  expect_close(dx, tensor_of({-0.75, 0.75, 0.5, -0.5}, {2, 2}, dtype), tolerance);
}

KERNEL_TEST(CrossEntropy, AgreesWithTheNaiveLoops) {
  const double tolerance = dtype == Dtype::f64 ? 1e-13 : 1e-6;
  for (const auto& [rows, classes, spread, smoothing] : autograd::cases::cross_entropy_cases) {
    const Tensor logits = scale(random_tensor({rows, classes}, dtype, 1), spread), dloss = tensor_of({1.25}, {}, dtype);
    std::vector<int64_t> label(static_cast<size_t>(rows));
    for (size_t r = 0; r < label.size(); ++r) label[r] = static_cast<int64_t>(r * 7 % static_cast<size_t>(classes));
    const Tensor labels = labels_of(label);
    const CrossEntropyResult result = cross_entropy(logits, labels);
    expect_close(result.loss, naive::cross_entropy(logits, on_cpu(labels)), tolerance);
    expect_close(result.probabilities, naive::softmax(logits), tolerance);
    expect_close(cross_entropy_grad(result.probabilities, labels, dloss),
                 naive::cross_entropy_grad(result.probabilities, on_cpu(labels), dloss), tolerance);
    const CrossEntropyResult smoothed = cross_entropy(logits, labels, smoothing);
    expect_close(smoothed.loss, naive::cross_entropy(logits, on_cpu(labels), smoothing), tolerance);
    expect_same_bits(smoothed.probabilities, result.probabilities);
    expect_close(cross_entropy_grad(result.probabilities, labels, dloss, smoothing),
                 naive::cross_entropy_grad(result.probabilities, on_cpu(labels), dloss, smoothing), tolerance);
  }
}

KERNEL_TEST(CrossEntropy, SmoothedLabelsAsPyTorch) {
  const golden::File file("training");
  const std::pair<int64_t, int64_t> shapes[] = {{1, 1}, {1, 7}, {5, 10}, {13, 101}};
  int compared = 0;
  for (int i = 0; i < 4; ++i) {
    const auto [rows, classes] = shapes[i];
    const std::vector<double> x = golden::values(fmt::format("smoothing.{}.x", i), {rows, classes}, -8, 8).to_vector();
    std::vector<int64_t> label;
    for (int64_t r = 0; r < rows; ++r) label.push_back((7 * r + 3) % classes);
    const Tensor labels = labels_of(label);
    for (int s = 0; file.has(fmt::format("smoothing.{}.{}.loss", i, s)); ++s, ++compared) {
      const std::string key = fmt::format("smoothing.{}.{}.", i, s);
      const double amount = file[key + "amount"].item();
      const CrossEntropyResult result = cross_entropy(tensor_of(x, {rows, classes}, dtype), labels, amount);
      golden::expect_close(result.loss, file[key + "loss"], golden::tolerance(dtype, classes), key + "loss");
      golden::expect_close(cross_entropy_grad(result.probabilities, labels, tensor_of({1}, {}, dtype), amount), file[key + "dx"],
                           golden::tolerance(dtype, classes), key + "dx");
    }
  }
  EXPECT_EQ(compared, 16);
}

TEST(CrossEntropy, WithoutSmoothingALogitMayBeMinusInfinity) {
  const Tensor logits = tensor_of({0, 0, -INFINITY}, {1, 3}, Dtype::f64);
  EXPECT_NEAR(cross_entropy(logits, labels_of({0})).loss.item(), std::log(2.0), 1e-15);
}

KERNEL_TEST(CrossEntropy, GradientIsTheDifferenceQuotient) {
  if (dtype == Dtype::f32) return;
  const Tensor logits = random_tensor({3, 5}, dtype, 1), labels = labels_of({4, 0, 2});
  const Tensor dloss = tensor_of({1.25}, {}, dtype);
  expect_gradient(logits, dloss, cross_entropy_grad(cross_entropy(logits, labels).probabilities, labels, dloss),
                  [&](const Tensor& x) { return cross_entropy(x, labels).loss; });
}

KERNEL_TEST(CrossEntropy, SameBitsForAnyNumberOfThreads) {
  const Tensor logits = random_tensor({5001, 17}, dtype, 1), labels = labels_of(std::vector<int64_t>(5001));
  const Tensor dloss = full({}, 1, dtype);
  expect_same_bits_for_any_threads([&] {
    const CrossEntropyResult result = cross_entropy(logits, labels);
    return std::vector<Tensor>{result.loss, result.probabilities, cross_entropy_grad(result.probabilities, labels, dloss)};
  });
}

KERNEL_TEST(CrossEntropy, NanReachesTheLoss) {
  std::vector<double> values(12);
  values[7] = std::nan("");
  EXPECT_TRUE(std::isnan(cross_entropy(tensor_of(values, {4, 3}, dtype), labels_of({0, 0, 0, 0})).loss.item()));
}

KERNEL_TEST(CrossEntropy, LabelsOutOfRange) {
  const Tensor logits = full({3, 5}, 0, dtype);
  expect_error([&] { cross_entropy(logits, labels_of({0, 5, 1})); }, "label 5 in row 1 is not in 0 to 4");
  expect_error([&] { cross_entropy(logits, labels_of({0, 1, -1})); }, "label -1 in row 2");
}

TEST(CrossEntropy, Errors) {
  const Tensor logits = Tensor::zeros({3, 5});
  expect_error([&] { cross_entropy(logits, Tensor::zeros({2}, Dtype::i64)); },
               "cross_entropy: labels is i64 (2) on cpu; expected the shape (3)");
  expect_error([&] { cross_entropy(logits, Tensor::zeros({3})); }, "cross_entropy: labels are f32; expected i64");
  expect_error([&] { cross_entropy(Tensor({0, 5}), Tensor({0}, Dtype::i64)); }, "empty");
  for (const double amount : {-0.1, 1.1, static_cast<double>(NAN)})
    expect_error([&] { cross_entropy(logits, Tensor::zeros({3}, Dtype::i64), amount); }, "label smoothing is");
  expect_error([&] { cross_entropy(Tensor::zeros({5}), Tensor({5}, Dtype::i64)); },
               "cross_entropy: logits is f32 (5) on cpu; expected (rows, classes), reshape it");
}

}  // namespace
}  // namespace tensor::ops
