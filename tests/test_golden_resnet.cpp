// Networks against PyTorch: logits, feature maps, gradients, and ten training steps; ResNet-18 .. 101 against torchvision's.

#include <cmath>
#include <limits>

#include "nn/checkpoint.h"
#include "nn/layers.h"
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

/// Sets every parameter and buffer by formula, with PyTorch's names and layouts.
std::unique_ptr<nn::ResNet> formula_net(const std::string& arch, nn::ResNetConfig config) {
  auto net = nn::make_resnet(arch, config, /*initialized=*/false);
  std::map<std::string, Tensor> weights = nn::export_weights(*net);
  for (auto& [name, weight] : weights)
    weight = weight.dtype() == Dtype::f32 ? parameter(name, weight.shape()) : Tensor::zeros(weight.shape(), weight.dtype());
  nn::load_weights(*net, weights);
  return net;
}

Tensor images(int64_t n, int64_t size, const std::string& seed_key) {
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

/// Inference and training mode against `prefix`, f32 against PyTorch's f64. Each layer amplifies rounding errors by a small factor: the
/// measured error after 20 layers is 2e-6 of the largest number, and ten times that is allowed. The images are chosen so that no ReLU
/// changes its mask in PyTorch's f32 run, which then agrees to 1e-6; a changed mask here would give an error of 1e-3.
void check_once(nn::ResNet& net, const std::string& prefix, int64_t n, int64_t size, double allowed = 2e-5) {
  SCOPED_TRACE(prefix);
  const Tensor x = images(n, size, prefix + ".seed");
  net.eval();
  {
    const autograd::NoGrad no_grad;
    const nn::ResNetOutput output = net(x);
    expect_close(output.logits.value(), file()[prefix + ".eval.logits"], allowed, "inference logits");
    expect_close(output.feature_map.value(), file()[prefix + ".eval.map"], allowed, "inference feature map");
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
  nn::Sgd optimizer(net.named_parameters(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4});
  const Tensor x = images(8, 32, prefix + ".train_seed"), y = labels(8);
  const std::vector<double> expected = file()[prefix + ".losses.f64"].to_vector();
  ASSERT_EQ(expected.size(), 10u);
  // PyTorch's f32 run agrees with these losses within 2e-7 and with the final weights within 5e-7.
  const double allowed = 1e-5;
  for (size_t step = 0; step < expected.size(); ++step) {
    optimizer.zero_grad();
    const autograd::Variable loss = nn::cross_entropy(net(x).logits, y);
    EXPECT_NEAR(loss.value().item(), expected[step], allowed) << "step " << step;
    loss.backward();
    optimizer.step();
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

/// The networks of torchvision.
const File& architectures() {
  static const File opened("architectures");
  return opened;
}

/// The allowed f32 error of the logits. A sum of K terms of random sign has a relative rounding error of about eps sqrt(K / 2), because its
/// partial sums grow as sqrt(k). The errors of the layers are independent and add up as a random walk. The factor 4 covers BatchNorm, the
/// residual sums, and the largest of 20 logits. This gives 3e-5 for ResNet-18 and 6e-5 for ResNet-101. PyTorch's f32 run has an error of
/// 1e-6; a stride on the wrong convolution gives 1e-1.
double allowed_for(const nn::ResNet& net) {
  double terms = 0;
  for (const nn::Module::NamedParameter& parameter : net.named_parameters()) {
    const Tensor& w = parameter.variable.value();
    if (w.rank() > 1) terms += static_cast<double>(w.numel() / w.dim(0));
  }
  return 4 * std::numeric_limits<float>::epsilon() / 2 * std::sqrt(terms / 2);
}

/// Relative to the largest element.
void expect_close_to_largest(const Tensor& got, const Tensor& expected, double allowed, const std::string& what) {
  ASSERT_EQ(got.shape().to_string(), expected.shape().to_string()) << what;
  const std::vector<double> a = got.to_vector(), b = expected.to_vector();
  double largest = 0, worst = 0;
  for (const double value : b) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= worst)) worst = std::abs(a[i] - b[i]);
  EXPECT_LE(worst, allowed * largest) << what << ": error " << worst / largest << " of the largest, allowed " << allowed;
}

struct ArchitectureCase {
  const char* arch;
  nn::Stem stem;
};
std::string prefix_of(const ArchitectureCase& c) { return fmt::format("{}.{}", c.arch, c.stem == nn::Stem::cifar ? "cifar" : "imagenet"); }

class GoldenArchitecture : public testing::TestWithParam<ArchitectureCase> {};

TEST_P(GoldenArchitecture, LogitsAndFeaturesMatchTorchvision) {
  const auto net = formula_net(GetParam().arch, {.stem = GetParam().stem});
  net->eval();
  const int64_t size = GetParam().stem == nn::Stem::cifar ? 33 : 65;
  const autograd::NoGrad no_grad;
  const nn::ResNetOutput output = (*net)(values(fmt::format("pictures.2.{}.0", size), {2, size, size, 3}, -2, 2));
  const std::string prefix = prefix_of(GetParam());
  expect_close_to_largest(output.logits.value(), architectures()[prefix + ".eval.logits"], allowed_for(*net), "logits");
  expect_close_to_largest(output.features.value(), architectures()[prefix + ".eval.features"], allowed_for(*net), "features");
}

INSTANTIATE_TEST_SUITE_P(All, GoldenArchitecture,
                         testing::Values(ArchitectureCase{"resnet18", nn::Stem::cifar}, ArchitectureCase{"resnet18", nn::Stem::imagenet},
                                         ArchitectureCase{"resnet34", nn::Stem::cifar}, ArchitectureCase{"resnet34", nn::Stem::imagenet},
                                         ArchitectureCase{"resnet50", nn::Stem::cifar}, ArchitectureCase{"resnet50", nn::Stem::imagenet},
                                         ArchitectureCase{"resnet101", nn::Stem::cifar}, ArchitectureCase{"resnet101", nn::Stem::imagenet}),
                         [](const auto& info) { return fmt::format("{}_{}", info.param.arch, info.index % 2 ? "imagenet" : "cifar"); });

/// A training step: logits, loss, the norms of the running statistics, and of each gradient its norm, first and last element.
void check_step(nn::ResNet& net, const std::string& prefix, int64_t n, int64_t size, double allowed) {
  SCOPED_TRACE(prefix);
  const File& file = architectures();
  net.train();
  const Tensor x = values(fmt::format("pictures.{}.{}.{}", n, size, file.integers(prefix + ".seed")[0]), {n, size, size, 3}, -2, 2);
  const autograd::Variable logits = net(x).logits;
  expect_close_to_largest(logits.value(), file[prefix + ".train.logits"], allowed, "training logits");
  const autograd::Variable loss = nn::cross_entropy(logits, labels(n));
  expect_close(loss.value(), file[prefix + ".train.loss"], allowed, "loss");
  loss.backward();
  double whole = 0;  // the norm of all gradients together
  for (const auto& parameter : net.named_parameters())
    whole = std::hypot(whole, file[prefix + ".gradient." + parameter.name].to_vector()[0]);
  int compared = 0;
  for (const auto& parameter : net.named_parameters()) {
    // Some gradients are 0 except for rounding (a bias that the next BatchNorm cancels); they are compared relative to `whole`.
    const std::vector<double> expected = file[prefix + ".gradient." + parameter.name].to_vector();
    const std::vector<double> gradient = parameter.variable.grad().to_vector();
    const double typical = expected[0] / std::sqrt(static_cast<double>(gradient.size())), floor = 1e-3 * allowed * whole;
    EXPECT_NEAR(norm(parameter.variable.grad()), expected[0], allowed * expected[0] + floor) << parameter.name;
    EXPECT_NEAR(gradient.front(), expected[1], allowed * std::max(10 * typical, std::abs(expected[1])) + floor) << parameter.name;
    EXPECT_NEAR(gradient.back(), expected[2], allowed * std::max(10 * typical, std::abs(expected[2])) + floor) << parameter.name;
    ++compared;
  }
  for (const auto& buffer : net.named_buffers()) {
    if (buffer.tensor->dtype() != Dtype::f32) continue;
    const double expected = file[prefix + ".statistics." + buffer.name].item();
    EXPECT_NEAR(norm(*buffer.tensor), expected, allowed * expected) << buffer.name;
  }
  EXPECT_GE(compared, 62);
}

/// As decided() in architectures.py: the ReLU inputs of ResNet-50 are far from 0, so that rounding changes no mask.
void decide(nn::ResNet& net) {
  std::map<std::string, Tensor> weights = nn::export_weights(net);
  for (auto& [name, weight] : weights)
    if (weight.rank() == 1 && name != "fc.bias" && name.find(".bias") != std::string::npos)
      for (int64_t c = 0; c < weight.numel(); ++c) weight.data<float>()[c] = c % 3 == 0 ? -8.0f : 8.0f;
  nn::load_weights(net, weights);
}

TEST(GoldenResNet, TrainingStepOfResNet18) {
  check_step(*formula_net("resnet18", {}), "resnet18.cifar", 2, 32, 2e-5);
  check_step(*formula_net("resnet18", {.stem = nn::Stem::imagenet}), "resnet18.imagenet", 2, 64, 2e-5);
}

/// Active ReLUs have an offset of 8 that BatchNorm subtracts again, which costs f32 a digit at each layer; PyTorch's f32 gradients have
/// an error of 1e-4.
TEST(GoldenResNet, TrainingStepOfResNet50) {
  for (const nn::Stem stem : {nn::Stem::cifar, nn::Stem::imagenet}) {
    const auto net = formula_net("resnet50", {.stem = stem});
    decide(*net);
    check_step(*net, stem == nn::Stem::cifar ? "resnet50.cifar" : "resnet50.imagenet", 4, stem == nn::Stem::cifar ? 9 : 33, 1e-3);
  }
}

}  // namespace
