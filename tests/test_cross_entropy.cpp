#include "tensor/ops/cross_entropy.h"

#include "tensor/ops/softmax.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

TEST(CrossEntropy, HandWorkedNumbers) {
  for_each_path([](Dtype dtype) {
    const double tolerance = dtype == Dtype::f64 ? 1e-15 : 2e-7;
    const Tensor logits = tensor_of({0, std::log(3.0), 500, 500}, {2, 2}, dtype), labels = Tensor::from<int64_t>({0, 1}, {2});
    const CrossEntropyResult result = cross_entropy(logits, labels);
    EXPECT_EQ(result.loss.shape(), Shape{});
    EXPECT_NEAR(result.loss.item(), (std::log(4.0) + std::log(2.0)) / 2, tolerance * 2);
    expect_close(result.probabilities, tensor_of({0.25, 0.75, 0.5, 0.5}, {2, 2}, dtype), tolerance);
    const Tensor dx = cross_entropy_grad(result.probabilities, labels, tensor_of({2}, {}, dtype));
    expect_close(dx, tensor_of({-0.75, 0.75, 0.5, -0.5}, {2, 2}, dtype), tolerance);
  });
}

TEST(CrossEntropy, AgreesWithTheNaiveLoops) {
  for_each_path([](Dtype dtype) {
    const double tolerance = dtype == Dtype::f64 ? 1e-13 : 1e-6;
    for (const auto& [rows, classes] : {std::pair<int64_t, int64_t>{1, 1}, {1, 10}, {7, 3}, {129, 10}, {1000, 101}}) {
      const Tensor logits = random_tensor({rows, classes}, dtype, 1), dloss = tensor_of({1.25}, {}, dtype);
      std::vector<int64_t> label(static_cast<size_t>(rows));
      for (size_t r = 0; r < label.size(); ++r) label[r] = static_cast<int64_t>(r * 7 % static_cast<size_t>(classes));
      const Tensor labels = Tensor::from(label, {rows});
      const CrossEntropyResult result = cross_entropy(logits, labels);
      expect_close(result.loss, naive::cross_entropy(logits, labels), tolerance);
      expect_close(result.probabilities, naive::softmax(logits), tolerance);
      expect_close(cross_entropy_grad(result.probabilities, labels, dloss), naive::cross_entropy_grad(result.probabilities, labels, dloss),
                   tolerance);
    }
  });
}

TEST(CrossEntropy, GradientIsTheDifferenceQuotient) {
  const Tensor logits = random_tensor({3, 5}, Dtype::f64, 1), labels = Tensor::from<int64_t>({4, 0, 2}, {3});
  const Tensor dloss = tensor_of({1.25}, {}, Dtype::f64);
  expect_gradient(logits, dloss, cross_entropy_grad(cross_entropy(logits, labels).probabilities, labels, dloss),
                  [&](const Tensor& x) { return cross_entropy(x, labels).loss; });
}

TEST(CrossEntropy, SameBitsForAnyNumberOfThreads) {
  const Tensor logits = random_tensor({5001, 17}, Dtype::f32, 1), labels = Tensor::zeros({5001}, Dtype::i64);
  expect_same_bits_for_any_threads([&] {
    const CrossEntropyResult result = cross_entropy(logits, labels);
    return std::vector<Tensor>{result.loss, result.probabilities, cross_entropy_grad(result.probabilities, labels, Tensor::full({}, 1))};
  });
}

TEST(CrossEntropy, NanReachesTheLoss) {
  Tensor logits = Tensor::zeros({4, 3});
  logits.data<float>()[7] = std::nanf("");
  EXPECT_TRUE(std::isnan(cross_entropy(logits, Tensor::zeros({4}, Dtype::i64)).loss.item()));
}

TEST(CrossEntropy, Errors) {
  const Tensor logits = Tensor::zeros({3, 5});
  expect_error([&] { cross_entropy(logits, Tensor::from<int64_t>({0, 5, 1}, {3})); }, "label 5 in row 1 is not in 0 to 4");
  expect_error([&] { cross_entropy(logits, Tensor::from<int64_t>({0, 1, -1}, {3})); }, "label -1 in row 2");
  expect_error([&] { cross_entropy(logits, Tensor::zeros({2}, Dtype::i64)); }, "labels have shape (2), expected (3)");
  expect_error([&] { cross_entropy(logits, Tensor::zeros({3})); }, "the tensor is f32, not i64");
  expect_error([&] { cross_entropy(Tensor({0, 5}), Tensor({0}, Dtype::i64)); }, "empty");
  expect_error([&] { cross_entropy(Tensor::zeros({5}), Tensor({5}, Dtype::i64)); }, "expected logits (rows, classes)");
}

}  // namespace
}  // namespace tensor::ops
