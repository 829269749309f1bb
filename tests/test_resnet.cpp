// Modules, layers and networks: names, shapes, counts, initial weights, statistics.

#include "nn/resnet.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "nn/checkpoint.h"
#include "nn/module.h"
#include "tensor/parallel.h"
#include "tensor/storage.h"
#include "tests/kernel_testing.h"
#include "tests/temporary.h"

namespace {

using nn::Shape;
using nn::Tensor;
using nn::Variable;

std::vector<std::string> names_of(const nn::Module& module) {
  std::vector<std::string> names;
  for (const auto& parameter : module.named_parameters()) names.push_back(parameter.name);
  for (const auto& buffer : module.named_buffers()) names.push_back(buffer.name);
  return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST(ResNet, ParameterCountsOfThePapers) {
  // He et al. (2016), table 6: 0.27 M for 20 layers .. 0.85 M for 56. The numbers of resnet18 .. resnet101 with 1000 classes are
  // torchvision's; the CIFAR stem has 9,408 - 1,728 fewer weights.
  const auto count = [](const char* arch, nn::ResNetConfig config) { return nn::make_resnet(arch, config, false)->parameter_count(); };
  EXPECT_EQ(count("resnet8", {}), 75290);
  EXPECT_EQ(count("resnet20", {}), 269722);
  EXPECT_EQ(count("resnet32", {}), 464154);
  EXPECT_EQ(count("resnet44", {}), 658586);
  EXPECT_EQ(count("resnet56", {}), 853018);
  EXPECT_EQ(count("resnet18", {.classes = 1000, .stem = nn::Stem::imagenet}), 11689512);
  EXPECT_EQ(count("resnet34", {.classes = 1000, .stem = nn::Stem::imagenet}), 21797672);
  EXPECT_EQ(count("resnet50", {.classes = 1000, .stem = nn::Stem::imagenet}), 25557032);
  EXPECT_EQ(count("resnet101", {.classes = 1000, .stem = nn::Stem::imagenet}), 44549160);
  EXPECT_EQ(count("resnet50", {.classes = 10}), 25557032 - 990 * 2049 - (9408 - 1728));
  EXPECT_EQ(count("resnet18", {.classes = 10}), 11689512 - 990 * 513 - (9408 - 1728));
  EXPECT_EQ(count("resnet20", {.shortcut = nn::Shortcut::projection}), 269722 + 16 * 32 + 64 + 32 * 64 + 128);
}

TEST(ResNet, NamesArePyTorchs) {
  const auto projection = names_of(*nn::make_resnet("resnet18", {}, false));
  for (const char* name : {"conv1.weight", "bn1.running_var", "layer1.0.conv1.weight", "layer1.1.bn2.num_batches_tracked",
                           "layer2.0.downsample.0.weight", "layer2.0.downsample.1.running_mean", "layer4.1.conv2.weight", "fc.bias"})
    EXPECT_TRUE(has(projection, name)) << name;
  EXPECT_FALSE(has(projection, "layer1.0.downsample.0.weight"));
  EXPECT_EQ(projection.size(), 122u);  // torchvision's state_dict
  EXPECT_EQ(projection[0], "conv1.weight");
  EXPECT_EQ(std::set<std::string>(projection.begin(), projection.end()).size(), projection.size());
  const auto bottleneck = names_of(*nn::make_resnet("resnet50", {}, false));
  for (const char* name : {"layer1.0.conv3.weight", "layer1.0.bn3.num_batches_tracked", "layer1.0.downsample.0.weight",
                           "layer1.0.downsample.1.running_var", "layer3.5.bn3.bias"})
    EXPECT_TRUE(has(bottleneck, name)) << name;
  EXPECT_FALSE(has(bottleneck, "layer1.1.downsample.0.weight"));
  EXPECT_EQ(bottleneck.size(), 320u);  // torchvision's state_dict
  for (const std::string& name : names_of(*nn::make_resnet("resnet20", {}, false)))
    EXPECT_EQ(name.find("downsample"), std::string::npos) << name;
}

TEST(ResNet, ShapesAndTable) {
  struct Case {
    const char* arch;
    nn::ResNetConfig config;
    int64_t n, height, width, map_height, map_width, embedding;
  };
  for (const Case& c : {Case{"resnet20", {.classes = 7}, 3, 32, 32, 8, 8, 64}, Case{"resnet8", {.classes = 1}, 1, 17, 13, 5, 4, 64},
                        Case{"resnet8", {.stem = nn::Stem::imagenet, .shortcut = nn::Shortcut::projection}, 2, 33, 47, 3, 3, 64},
                        Case{"resnet18", {.classes = 100}, 1, 32, 32, 4, 4, 512}, Case{"resnet50", {}, 1, 17, 13, 3, 2, 2048},
                        Case{"resnet50", {.shortcut = nn::Shortcut::option_a}, 1, 17, 13, 3, 2, 2048}}) {
    SCOPED_TRACE(c.arch);
    auto net = nn::make_resnet(c.arch, c.config, false);
    net->eval();
    const autograd::NoGrad no_grad;
    const nn::ResNetOutput output = (*net)(Tensor::full({c.n, c.height, c.width, 3}, 0.5));
    EXPECT_EQ(output.feature_map.shape(), (Shape{c.n, c.map_height, c.map_width, c.embedding}));
    EXPECT_EQ(output.features.shape(), (Shape{c.n, c.embedding}));
    EXPECT_EQ(output.logits.shape(), (Shape{c.n, c.config.classes}));
    EXPECT_EQ(net->feature_dim(), c.embedding);
    EXPECT_EQ(nn::feature_dim_of(c.arch), c.embedding);
    const auto rows = net->layer_table(c.height, c.width);
    int64_t parameters = 0;
    for (const nn::LayerRow& row : rows) parameters += row.parameters;
    EXPECT_EQ(parameters, net->parameter_count());
    EXPECT_EQ(rows[rows.size() - 2].output, (Shape{1, c.embedding}));
    EXPECT_EQ(rows.back().output, (Shape{1, c.config.classes}));
  }
}

TEST(ResNet, TableCountsFlop) {
  double mflop = 0;
  for (const nn::LayerRow& row : nn::make_resnet("resnet18", {}, false)->layer_table(32, 32)) mflop += row.mflop;
  EXPECT_NEAR(mflop, 2 * 555.42, 1);  // 0.56 G multiply-adds
  mflop = 0;
  for (const nn::LayerRow& row : nn::make_resnet("resnet18", {.classes = 1000, .stem = nn::Stem::imagenet}, false)->layer_table(224, 224))
    mflop += row.mflop;
  EXPECT_NEAR(mflop, 2 * 1814.07, 1);  // 1.8 G multiply-adds
  mflop = 0;
  for (const nn::LayerRow& row : nn::make_resnet("resnet50", {.classes = 1000, .stem = nn::Stem::imagenet}, false)->layer_table(224, 224))
    mflop += row.mflop;
  EXPECT_NEAR(mflop, 2 * 4089.18, 1);  // 4.1 G multiply-adds: torchvision's, with the stride on the 3x3
  const auto row = nn::make_resnet("resnet8", {}, false)->layer_table(32, 32)[0];
  EXPECT_EQ(row.name, "conv1 + bn1");
  EXPECT_EQ(row.parameters, 16 * 27 + 32);
  EXPECT_DOUBLE_EQ(row.mflop, 2e-6 * 1024 * 16 * 27);
}

/// The measured memory of tensors: the forward pass of a training step saves the bytes of the table for each image, and a mean and
/// 1 / standard deviation for each channel. The storage cache rounds allocations up by at most an eighth.
TEST(ResNet, TableCountsSavedBytes) {
  struct Case {
    const char* arch;
    nn::ResNetConfig config;
  };
  for (const Case& c : {Case{"resnet8", {}}, Case{"resnet18", {.stem = nn::Stem::imagenet}}, Case{"resnet50", {}},
                        Case{"resnet50", {.stem = nn::Stem::imagenet, .shortcut = nn::Shortcut::option_a}}}) {
    SCOPED_TRACE(c.arch);
    const auto net = nn::make_resnet(c.arch, c.config, false);
    constexpr int64_t n = 4;
    int64_t expected = 0, statistics = 0;
    for (const nn::LayerRow& row : net->layer_table(32, 32)) expected += n * row.saved_bytes;
    for (const auto& parameter : net->named_parameters())  // a gamma and a beta for each mean and 1 / standard deviation
      if (parameter.variable.value().rank() == 1) statistics += parameter.variable.value().bytes() + 64;
    const Tensor x = Tensor::zeros({n, 32, 32, 3});
    tensor::release_cached_storage();
    const int64_t before = tensor::storage_statistics().live_bytes;
    const nn::ResNetOutput output = (*net)(x);
    const int64_t kept = tensor::storage_statistics().live_bytes - before;
    EXPECT_GE(kept, expected);
    EXPECT_LE(kept, (expected + statistics) * 9 / 8);
  }
}

TEST(ResNet, StandardShortcutIsThatOfThePaper) {
  EXPECT_EQ(nn::make_resnet("resnet20", {}, false)->config().shortcut, nn::Shortcut::option_a);
  EXPECT_EQ(nn::make_resnet("resnet18", {}, false)->config().shortcut, nn::Shortcut::projection);
  EXPECT_EQ(nn::default_shortcut("resnet56"), nn::Shortcut::option_a);
  for (const std::string& arch : nn::known_archs()) EXPECT_EQ(nn::make_resnet(arch, {}, false)->arch(), arch);
}

TEST(ResNet, BadInput) {
  EXPECT_NE(message_of([] { nn::make_resnet("resnet19"); }).find("unknown arch 'resnet19'; known: resnet8, resnet14"), std::string::npos);
  EXPECT_NE(message_of([] { nn::make_resnet("resnet8", {.classes = 0}); }).find("at least 1"), std::string::npos);
  auto net = nn::make_resnet("resnet8");
  EXPECT_NE(message_of([&] {
              (*net)(Tensor::zeros({2, 3, 32, 32}));
            }).find("have shape (2, 3, 32, 32), expected (N, H, W, 3)"),
            std::string::npos);
  EXPECT_NE(message_of([&] { (*net)(Tensor::zeros({32, 32, 3})); }).find("(N, H, W, 3)"), std::string::npos);
}

struct Moments {
  double mean = 0, std = 0, largest = 0;
};
Moments moments(const Tensor& x) {
  Moments result;
  const auto values = x.to_vector();
  for (const double value : values) result.mean += value / static_cast<double>(values.size());
  for (const double value : values) {
    result.std += (value - result.mean) * (value - result.mean) / static_cast<double>(values.size());
    result.largest = std::max(result.largest, std::abs(value));
  }
  result.std = std::sqrt(result.std);
  return result;
}

TEST(Init, DistributionsOfThePaper) {
  auto net = nn::make_resnet("resnet18", {.classes = 100});
  for (const auto& [name, variable] : net->named_parameters()) {
    const Tensor& x = variable.value();
    const Moments m = moments(x);
    if (x.rank() == 4) {
      const double std = std::sqrt(2.0 / static_cast<double>(x.dim(0) * x.dim(1) * x.dim(2)));
      const double error = std / std::sqrt(static_cast<double>(x.numel()));
      EXPECT_NEAR(m.mean, 0, 5 * error) << name;
      EXPECT_NEAR(m.std, std, 5 * error) << name;
      EXPECT_GT(m.largest, 3 * std) << name;  // a normal's tail
    } else if (name.compare(0, 2, "fc") == 0) {
      EXPECT_LE(m.largest, 1 / std::sqrt(512.0)) << name;
      EXPECT_NEAR(m.std, 1 / std::sqrt(3 * 512.0), 0.2 / std::sqrt(3 * 512.0)) << name;
    } else {
      EXPECT_EQ(m.std, 0) << name;
      EXPECT_EQ(m.mean, name.find("weight") != std::string::npos ? 1 : 0) << name;
    }
  }
}

TEST(Init, BottlenecksAsInTorchvision) {  // Kaiming normal, fan-out; the last BatchNorm of a block has weight 1 (no zero_init_residual)
  const auto net = nn::make_resnet("resnet50", {}, false);
  const auto parameters = net->named_parameters();
  const auto inits = net->parameter_inits();
  ASSERT_EQ(parameters.size(), inits.size());
  for (size_t i = 0; i < inits.size(); ++i) {
    const Tensor& x = parameters[i].variable.value();
    if (x.rank() == 4) {
      EXPECT_EQ(inits[i].kind, nn::Init::Kind::normal);
      EXPECT_DOUBLE_EQ(inits[i].value, std::sqrt(2.0 / static_cast<double>(x.dim(0) * x.dim(1) * x.dim(2)))) << parameters[i].name;
    } else if (parameters[i].name.compare(0, 2, "fc") == 0) {
      EXPECT_EQ(inits[i].kind, nn::Init::Kind::uniform);
      EXPECT_DOUBLE_EQ(inits[i].value, 1 / std::sqrt(2048.0)) << parameters[i].name;
    } else {
      EXPECT_EQ(inits[i].kind, nn::Init::Kind::constant);
      EXPECT_EQ(inits[i].value, parameters[i].name.find("weight") != std::string::npos ? 1 : 0) << parameters[i].name;
    }
  }
}

TEST(Init, DependsOnNameAndSeedAlone) {
  const tensor::RestoreSettings restore;
  tensor::set_num_threads(1);
  const auto one = nn::export_weights(*nn::make_resnet("resnet20", {.seed = 5}));
  tensor::set_num_threads(2);
  const auto two = nn::export_weights(*nn::make_resnet("resnet20", {.seed = 5}));
  EXPECT_EQ(nn::content_hash(one), nn::content_hash(two));
  EXPECT_NE(nn::content_hash(one), nn::content_hash(nn::export_weights(*nn::make_resnet("resnet20", {.seed = 6}))));
  // A layer that two networks share has the same initial weights in both.
  const auto deeper = nn::export_weights(*nn::make_resnet("resnet32", {.seed = 5}));
  EXPECT_EQ(one.at("layer3.2.conv2.weight").to_vector(), deeper.at("layer3.2.conv2.weight").to_vector());
  EXPECT_NE(one.at("layer3.2.conv2.weight").to_vector(), one.at("layer3.2.conv1.weight").to_vector());
}

TEST(Init, ResetsRunningStatistics) {
  auto net = nn::make_resnet("resnet8");
  const std::string fresh = nn::content_hash(nn::export_weights(*net));
  (*net)(Tensor::full({2, 8, 8, 3}, 1));
  EXPECT_NE(fresh, nn::content_hash(nn::export_weights(*net)));
  nn::initialize(*net, net->config().seed);
  EXPECT_EQ(fresh, nn::content_hash(nn::export_weights(*net)));
}

TEST(BatchNorm2d, RunningStatistics) {
  nn::BatchNorm2d bn(2);
  const Tensor x = Tensor::from<float>({1, 10, 2, 20, 3, 30, 6, 40}, {1, 2, 2, 2});  // channel 0: 1 2 3 6, channel 1: 10 20 30 40
  bn(Variable(x));
  // momentum 0.1, unbiased variance: 14 / 3 and 500 / 3
  EXPECT_NEAR(bn.running_mean.to_vector()[0], 0.3, 1e-7);
  EXPECT_NEAR(bn.running_mean.to_vector()[1], 2.5, 1e-6);
  EXPECT_NEAR(bn.running_var.to_vector()[0], 0.9 + 1.4 / 3, 1e-6);
  EXPECT_NEAR(bn.running_var.to_vector()[1], 0.9 + 50.0 / 3, 1e-5);
  EXPECT_EQ(bn.num_batches_tracked.item(), 1);
  bn.eval();
  const auto y = bn(Variable(x)).value().to_vector();
  EXPECT_NEAR(y[0], (1 - 0.3) / std::sqrt(0.9 + 1.4 / 3 + 1e-5), 1e-6);
  EXPECT_EQ(bn.num_batches_tracked.item(), 1);
  bn.train();
  EXPECT_NE(message_of([&] { bn(Variable(Tensor::zeros({1, 1, 1, 2}))); }), "");  // the variance of one value
}

TEST(Linear, WithAndWithoutBias) {
  nn::Linear plain(3, 2, false), full(3, 2);
  EXPECT_EQ(plain.parameter_count(), 6);
  EXPECT_EQ(full.parameter_count(), 8);
  plain.weight.mutable_value() = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(plain(Variable(Tensor::from<float>({1, 0, -1}, {1, 3}))).value().to_vector(), (std::vector<double>{-2, -2}));
}

TEST(Module, TrainingModeAndGradientsReachTheWholeTree) {
  auto net = nn::make_resnet("resnet8");
  EXPECT_TRUE(net->training());
  net->eval();
  EXPECT_FALSE(net->training());
  const Tensor x = Tensor::full({2, 8, 8, 3}, 1);
  const auto before = nn::content_hash(nn::export_weights(*net));
  { (*net)(x); }
  EXPECT_EQ(before, nn::content_hash(nn::export_weights(*net)));  // no BatchNorm kept training
  net->train();
  autograd::mean((*net)(x).logits).backward();
  for (const auto& [name, variable] : net->named_parameters()) EXPECT_TRUE(variable.grad().defined()) << name;
  net->zero_grad();
  for (const auto& [name, variable] : net->named_parameters()) EXPECT_FALSE(variable.grad().defined()) << name;
}

TEST(Module, NamesAreUnique) {
  struct Twice : nn::Module {
    Twice() {
      register_parameter("weight", Tensor::zeros({1}));
      register_parameter("weight", Tensor::zeros({1}));
    }
  };
  EXPECT_NE(message_of([] { Twice twice; }).find("the module has 'weight' already"), std::string::npos);
}

}  // namespace
