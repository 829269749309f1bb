// Whole networks against PyTorch: logits, maps, gradients, and ten training steps; ResNet-18 .. 101 against torchvision's.

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

/// Every parameter and buffer by formula, under PyTorch's names and layouts.
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

/// Inference and training mode against `prefix`. f32 against PyTorch's f64: each layer multiplies rounding errors by a small factor,
/// measured as 2e-6 of the largest number after 20 layers; ten times that is allowed. The images are such that no ReLU flips in PyTorch's
/// f32 run, and what is stored then agrees to 1e-6; a flip in ours would show as 1e-3.
void check_once(nn::ResNet& net, const std::string& prefix, int64_t n, int64_t size, double allowed = 2e-5) {
  SCOPED_TRACE(prefix);
  const Tensor x = images(n, size, prefix + ".seed");
  net.eval();
  {
    const autograd::NoGrad no_grad;
    const nn::ResNetOutput output = net(x);
    expect_close(output.logits.value(), file()[prefix + ".eval.logits"], allowed, "inference logits");
    expect_close(output.feature_map.value(), file()[prefix + ".eval.map"], allowed, "inference map");
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
  // PyTorch's own f32 run stays within 2e-7 of these losses and within 5e-7 of the final weights.
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

/// torchvision's networks.
const File& architectures() {
  static const File opened("architectures");
  return opened;
}

/// What f32 may lose on the way to the logits. A sum of K terms of random sign, rounded after each, is off by about eps sqrt(K / 2) of
/// itself (its partial sums grow as sqrt(k)); the layers' errors are independent and add up as a random walk. The factor 4 is for BatchNorm
/// and the residual sums, which are the rest of the arithmetic, and for the largest of 20 logits in place of the typical one. Gives 3e-5
/// for ResNet-18 and 6e-5 for ResNet-101; PyTorch's own f32 run is off by 1e-6, a stride on the wrong convolution by 1e-1.
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
  EXPECT_LE(worst, allowed * largest) << what << ": off by " << worst / largest << " of the largest, allowed " << allowed;
}

struct ArchitectureCase {
  const char* arch;
  nn::Stem stem;
};
std::string prefix_of(const ArchitectureCase& c) { return fmt::format("{}.{}", c.arch, c.stem == nn::Stem::cifar ? "cifar" : "imagenet"); }

class GoldenArchitecture : public testing::TestWithParam<ArchitectureCase> {};

TEST_P(GoldenArchitecture, LogitsAndFeaturesAreTorchvisions) {
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

/// A step in training mode: logits, loss, of each gradient the norm, the first and the last element, and the running statistics' norms.
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
    // Some gradients are 0 but for rounding (a bias that the next BatchNorm takes away again): `whole` is what they are small against.
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

/// As architectures.py's decided(): ResNet-50's ReLUs are wide open or tightly shut, so that rounding flips none of them.
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

/// The wide-open ReLUs carry a constant of 8 that BatchNorm subtracts again: f32 loses a digit to it at each, and PyTorch's own f32
/// gradients are off by 1e-4.
TEST(GoldenResNet, TrainingStepOfResNet50) {
  for (const nn::Stem stem : {nn::Stem::cifar, nn::Stem::imagenet}) {
    const auto net = formula_net("resnet50", {.stem = stem});
    decide(*net);
    check_step(*net, stem == nn::Stem::cifar ? "resnet50.cifar" : "resnet50.imagenet", 4, stem == nn::Stem::cifar ? 9 : 33, 1e-3);
  }
}

}  // namespace
