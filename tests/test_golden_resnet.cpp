// Whole networks against PyTorch: logits, maps, gradients, and ten training steps.

#include "nn/checkpoint.h"
#include "nn/losses.h"
#include "nn/resnet.h"
#include "nn/sgd.h"
#include "tests/golden.h"
#include "tests/golden_formula.h"

namespace {

using namespace golden;

const File& file() {
  static const File opened("resnet");
  return opened;
}

/// Every parameter and buffer by formula, under PyTorch's names and layouts.
std::unique_ptr<nn::ResNet> formula_net(const std::string& arch, nn::ResNetConfig config) {
  auto net = nn::make_resnet(arch, config, /*initialized=*/false);
  std::map<std::string, Tensor> weights = nn::export_weights(*net);
  for (auto& [name, weight] : weights)
    weight = weight.dtype() == Dtype::f32 ? parameter(name, weight.shape()) : Tensor::zeros(weight.shape(), weight.dtype());
  nn::load_weights(*net, weights);
  return net;
}

Tensor pictures(int64_t n, int64_t size, const std::string& seed_key) {
  return values(fmt::format("pictures.{}.{}.{}", n, size, file().integers(seed_key)[0]), {n, size, size, 3}, -2, 2);
}

Tensor labels(int64_t n) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < n; ++i) result.push_back((7 * i + 3) % 10);
  return Tensor::from(result, {n});
}

double norm(const Tensor& x) {
  double sum = 0;
  for (const double value : x.to_vector()) sum += value * value;
  return std::sqrt(sum);
}

/// Inference and training mode against `prefix`. f32 against PyTorch's f64: each layer multiplies rounding errors by a small factor,
/// measured as 2e-6 of the largest number after 20 layers; ten times that is allowed. The pictures are such that no ReLU flips in PyTorch's
/// f32 run, and what is stored then agrees to 1e-6; a flip in ours would show as 1e-3.
void check_once(nn::ResNet& net, const std::string& prefix, int64_t n, int64_t size, double allowed = 2e-5) {
  SCOPED_TRACE(prefix);
  const Tensor x = pictures(n, size, prefix + ".seed");
  net.eval();
  {
    const autograd::NoGrad no_grad;
    const nn::ResNetOutput output = net(x);
    expect_close(output.logits.value(), file()[prefix + ".eval.logits"], allowed, "inference logits");
    expect_close(output.map.value(), file()[prefix + ".eval.map"], allowed, "inference map");
  }
  net.train();
  const nn::ResNetOutput output = net(x);
  expect_close(output.logits.value(), file()[prefix + ".train.logits"], allowed, "training logits");
  const autograd::Variable loss = nn::cross_entropy(output.logits, labels(n));
  expect_close(loss.value(), file()[prefix + ".train.loss"], allowed, "loss");
  loss.backward();
  int compared = 0;
  for (const nn::Module::NamedParameter& parameter : net.named_parameters()) {
    const double expected = file()[prefix + ".gradient_norm." + parameter.name].item();
    EXPECT_NEAR(norm(parameter.variable.grad()), expected, allowed * expected) << parameter.name;
    ++compared;
  }
  EXPECT_GE(compared, 20);
}

/// Ten SGD steps on one batch of eight.
void check_training(nn::ResNet& net, const std::string& prefix) {
  SCOPED_TRACE(prefix);
  net.train();
  nn::Sgd optimiser(net.named_parameters(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4});
  const Tensor x = pictures(8, 32, prefix + ".train_seed"), y = labels(8);
  const std::vector<double> expected = file()[prefix + ".losses.f64"].to_vector();
  ASSERT_EQ(expected.size(), 10u);
  // PyTorch's own f32 run stays within 2e-7 of these losses and within 5e-7 of the final weights.
  const double allowed = 1e-5;
  for (size_t step = 0; step < expected.size(); ++step) {
    optimiser.zero_grad();
    const autograd::Variable loss = nn::cross_entropy(net(x).logits, y);
    EXPECT_NEAR(loss.value().item(), expected[step], allowed) << "step " << step;
    loss.backward();
    optimiser.step();
  }
  int compared = 0;
  const auto compare = [&](const std::string& name, const Tensor& weight) {
    const double size = file()[prefix + ".final_norm.f64." + name].item();
    EXPECT_NEAR(norm(weight), size, allowed * std::max(1.0, size)) << name;
    if (file().has(prefix + ".final.f64." + name)) expect_close(weight, file()[prefix + ".final.f64." + name], allowed, name);
    ++compared;
  };
  for (const nn::Module::NamedParameter& parameter : net.named_parameters()) compare(parameter.name, parameter.variable.value());
  for (const nn::Module::NamedBuffer& buffer : net.named_buffers())
    if (buffer.tensor->dtype() == Dtype::f32) compare(buffer.name, *buffer.tensor);
  EXPECT_GE(compared, 37);
}

TEST(GoldenResNet, ResNet8WithOptionA) {
  const nn::ResNetConfig config{.shortcut = nn::Shortcut::option_a};
  check_once(*formula_net("resnet8", config), "resnet8.option_a", 8, 32);
  check_training(*formula_net("resnet8", config), "resnet8.option_a");
}

TEST(GoldenResNet, ResNet8WithProjection) {
  const nn::ResNetConfig config{.shortcut = nn::Shortcut::projection};
  check_once(*formula_net("resnet8", config), "resnet8.projection", 8, 32);
  check_training(*formula_net("resnet8", config), "resnet8.projection");
}

TEST(GoldenResNet, ResNet18CifarStem) {
  check_once(*formula_net("resnet18", {.shortcut = nn::Shortcut::projection}), "resnet18.cifar", 2, 32);
}

TEST(GoldenResNet, ResNet18ImageNetStem) {
  const nn::ResNetConfig config{.stem = nn::Stem::imagenet, .shortcut = nn::Shortcut::projection};
  check_once(*formula_net("resnet18", config), "resnet18.imagenet", 2, 64);
}

}  // namespace
