// Checkpoints: strict loading with PyTorch's names and layouts. A damaged file leaves the network unchanged.

#include "nn/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tensor/ops/elementwise.h"
#include "tests/errors.h"
#include "tests/temporary.h"

namespace {

using nn::Dtype;
using nn::Shape;
using nn::Tensor;
using nn::TensorFile;
using Tensors = std::map<std::string, Tensor>;

/// A network of 206 numbers, so that every bit of its file can be flipped.
struct TinyNet : nn::Module {
  explicit TinyNet(uint64_t seed) : conv1(2, 3, 3, 1, 1), bn1(3), fc(3, 2) {
    register_module("conv1", &conv1);
    register_module("bn1", &bn1);
    register_module("fc", &fc);
    nn::initialize(*this, seed);
  }
  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Linear fc;
};

std::string hash_of(const nn::Module& module) { return nn::content_hash(nn::export_weights(module)); }

void expect_contains(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
}

TEST(Weights, ConvolutionsAreTransposed) {
  TinyNet net(1);
  const Tensors exported = nn::export_weights(net);
  const Tensor &ours = net.conv1.weight.value(), &theirs = exported.at("conv1.weight");
  ASSERT_EQ(theirs.shape(), (Shape{3, 2, 3, 3}));
  for (int64_t o = 0; o < 3; ++o)
    for (int64_t i = 0; i < 2; ++i)
      for (int64_t h = 0; h < 3; ++h)
        for (int64_t w = 0; w < 3; ++w)
          EXPECT_EQ(ours.data<float>()[((o * 3 + h) * 3 + w) * 2 + i], theirs.data<float>()[((o * 2 + i) * 3 + h) * 3 + w]);
  TinyNet other(2);
  EXPECT_NE(hash_of(net), hash_of(other));
  const nn::LoadReport report = nn::load_weights(other, exported);
  EXPECT_EQ(hash_of(net), hash_of(other));
  EXPECT_EQ(report.matched.size(), 8u);
  EXPECT_EQ(report.to_string(), "8 tensors matched, renamed 0, missing 0, unexpected 0");
}

TEST(Weights, ExportAndLoadShareNoMemory) {
  TinyNet net(1), other(2);
  const Tensors exported = nn::export_weights(net);
  const std::string before = nn::content_hash(exported);
  nn::load_weights(other, exported);
  for (auto& parameter : net.named_parameters())
    tensor::ops::add_into(parameter.variable.mutable_value(), parameter.variable.value().clone());
  for (auto& parameter : other.named_parameters())
    tensor::ops::add_into(parameter.variable.mutable_value(), parameter.variable.value().clone());
  EXPECT_EQ(before, nn::content_hash(exported));
}

TEST(Weights, AliasesAreReadAndReported) {
  const auto net = nn::make_resnet("resnet8", {.shortcut = nn::Shortcut::projection});
  Tensors foreign;
  for (const auto& [name, tensor] : nn::export_weights(*net)) {
    if (name.find("num_batches_tracked") != std::string::npos) continue;
    std::string other = "module." + name;
    if (const size_t at = other.find("fc."); at != std::string::npos) other.replace(at, 2, "linear");
    if (const size_t at = other.find("downsample"); at != std::string::npos) other.replace(at, 10, "shortcut");
    foreign[other] = tensor;
  }
  const auto copy = nn::make_resnet("resnet8", {.shortcut = nn::Shortcut::projection, .seed = 9});
  const nn::LoadReport report = nn::load_weights(*copy, foreign);
  EXPECT_EQ(hash_of(*net), hash_of(*copy));
  EXPECT_EQ(report.renamed.size(), foreign.size());
  EXPECT_TRUE(report.missing.empty() && report.unexpected.empty());
  expect_contains(report.to_string(), "module.bn1.bias -> bn1.bias");
  const std::vector<std::string>& renamed = report.renamed;
  for (const char* line : {"module.linear.weight -> fc.weight", "module.layer2.0.shortcut.0.weight -> layer2.0.downsample.0.weight"})
    EXPECT_NE(std::find(renamed.begin(), renamed.end(), line), renamed.end()) << line;
}

TEST(Weights, OtherPrecisionsBecomeF32) {
  TinyNet net(1), other(2);
  Tensors weights = nn::export_weights(net);
  weights["fc.weight"] = tensor::ops::cast(weights["fc.weight"], Dtype::f64);
  weights["conv1.weight"] = tensor::ops::cast(weights["conv1.weight"], Dtype::bf16);
  nn::load_weights(other, weights);
  EXPECT_EQ(net.fc.weight.value().to_vector(), other.fc.weight.value().to_vector());
  const auto exact = net.conv1.weight.value().to_vector(), rounded = other.conv1.weight.value().to_vector();
  for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(exact[i], rounded[i], std::abs(exact[i]) / 256);
}

class WeightFaults : public testing::Test {
 protected:
  TinyNet net{1};
  Tensors weights = nn::export_weights(TinyNet(2));
  const std::string before = hash_of(net);

  /// Loading fails with `expected` in one line and leaves the network unchanged.
  void expect_refused(const std::string& expected) {
    const std::string message = message_of([&] { nn::load_weights(net, weights); });
    expect_contains(message, expected);
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_EQ(before, hash_of(net));
    weights = nn::export_weights(TinyNet(2));
  }
};

TEST_F(WeightFaults, EachIsNamedAndTheModuleIsUnchanged) {
  weights.erase("bn1.bias");
  expect_refused("missing: bn1.bias");
  weights["layer9.weight"] = Tensor::zeros({1});
  expect_refused("unexpected: layer9.weight");
  weights["bad\nname"] = Tensor::zeros({1});
  expect_refused("unexpected: bad\\x0aname");
  weights["fc.weight"] = Tensor::zeros({3, 2});
  expect_refused("fc.weight has shape (3, 2), expected (2, 3)");
  weights["conv1.weight"] = Tensor::zeros({3, 3, 3, 2});
  expect_refused("conv1.weight has shape (3, 3, 3, 2), expected (3, 2, 3, 3)");
  weights["fc.bias"] = Tensor::zeros({2}, Dtype::i64);
  expect_refused("fc.bias is i64, expected f32");
  weights["bn1.num_batches_tracked"] = Tensor::zeros({});
  expect_refused("bn1.num_batches_tracked is f32, expected i64");
  weights["fc.bias"] = Tensor::full({2}, NAN);
  expect_refused("fc.bias has values that are not finite");
  weights["bn1.running_mean"].data<float>()[2] = -INFINITY;
  expect_refused("bn1.running_mean has values that are not finite");
  weights["fc.bias"] = Tensor::full({2}, 1e300, Dtype::f64);
  expect_refused("fc.bias has values that are not finite in f32");
  weights["bn1.running_var"].data<float>()[0] = -1e-3f;
  expect_refused("bn1.running_var has a negative variance");
  weights["linear.bias"] = weights["fc.bias"];
  expect_refused("fc.bias and linear.bias are both names of fc.bias");
  weights.clear();
  expect_refused("0 of 8 tensors matched");
}

class Models : public testing::Test {
 protected:
  TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors";

  static nn::Checkpoint checkpoint() {
    nn::Checkpoint result;
    result.preprocessing = {.size = 32, .mean = {0.1, 0.2, 0.3}, .std = {0.4, 0.5, 0.6}};
    result.class_names = {"a cat", "d\"og", "\xc3\xa4pfel"};
    result.metadata = {{"epoch", "12"}, {"commit", "abc"}};
    return result;
  }
  std::string load_fault(const nn::ModelOverrides& overrides = {}) const {
    return message_of([&] { nn::load_model(path, overrides); });
  }
};

TEST_F(Models, RoundTrip) {
  for (const nn::Shortcut shortcut : {nn::Shortcut::option_a, nn::Shortcut::projection})
    for (const nn::Stem stem : {nn::Stem::cifar, nn::Stem::imagenet}) {
      const auto net = nn::make_resnet("resnet8", {.classes = 3, .stem = stem, .shortcut = shortcut, .seed = 77});
      nn::save_model(path, *net, checkpoint());
      const nn::LoadedModel loaded = nn::load_model(path);
      EXPECT_EQ(hash_of(*net), hash_of(*loaded.net));
      EXPECT_EQ(loaded.checkpoint.arch, "resnet8");
      EXPECT_EQ(loaded.net->config().classes, 3);
      EXPECT_EQ(loaded.net->config().stem, stem);
      EXPECT_EQ(loaded.net->config().shortcut, shortcut);
      EXPECT_EQ(loaded.net->config().seed, 77u);
      EXPECT_FALSE(loaded.net->training());
      EXPECT_TRUE(loaded.checkpoint.has_preprocessing);
      EXPECT_EQ(loaded.checkpoint.preprocessing.mean[1], 0.2);
      EXPECT_EQ(loaded.checkpoint.preprocessing.std[2], 0.6);
      EXPECT_EQ(loaded.checkpoint.class_names, checkpoint().class_names);
      EXPECT_EQ(loaded.checkpoint.metadata.at("epoch"), "12");
      for (const char* key : {"isa", "content_hash", "crop_policy", "resize_filter", "input_size"})
        EXPECT_TRUE(loaded.checkpoint.metadata.count(key)) << key;
      // The bytes depend on the content alone: saving again gives the same file.
      const std::string bytes = read_bytes(path);
      nn::save_model(path, *loaded.net, loaded.checkpoint);
      EXPECT_EQ(bytes, read_bytes(path));
    }
}

TEST_F(Models, ForeignFilesNeedOnlyAnArch) {
  for (const nn::Shortcut shortcut : {nn::Shortcut::option_a, nn::Shortcut::projection}) {
    const auto net = nn::make_resnet("resnet14", {.classes = 5, .shortcut = shortcut});
    TensorFile file;
    for (const auto& [name, tensor] : nn::export_weights(*net))
      file.tensors[name.compare(0, 3, "fc.") == 0 ? "linear" + name.substr(2) : name] = tensor;
    nn::write_safetensors(path, file);
    expect_contains(load_fault(), "its metadata have no arch; give one of resnet8, resnet14");
    const nn::LoadedModel loaded = nn::load_model(path, {.arch = "resnet14"});
    EXPECT_EQ(loaded.net->config().classes, 5);
    EXPECT_EQ(loaded.net->config().shortcut, shortcut);
    EXPECT_EQ(loaded.net->config().stem, nn::Stem::cifar);
    EXPECT_FALSE(loaded.checkpoint.has_preprocessing);
    EXPECT_EQ(loaded.report.renamed.size(), 2u);
    const auto given = nn::load_model(path, {.arch = "resnet14", .mean = {0.5, 0.4, 0.3}, .std = {1, 2, 3}}).checkpoint;
    EXPECT_TRUE(given.has_preprocessing);
    EXPECT_EQ(given.preprocessing.std[1], 2);
    expect_contains(load_fault({.arch = "resnet20"}), "missing: layer1.2.bn1.bias");
    expect_contains(load_fault({.arch = "resnet8"}), "unexpected: layer1.1.bn1.bias");
    expect_contains(load_fault({.arch = "vgg16"}), "unknown arch 'vgg16'; known: resnet8");
    expect_contains(load_fault({.arch = "resnet14", .mean = {0.5, 0.4, 0.3}}), "a mean but no std; give both");
    expect_contains(load_fault({.arch = "resnet14", .mean = {0.5}, .std = {1, 2, 3}}), "mean needs three numbers");
    expect_contains(load_fault({.arch = "resnet14", .mean = {0, 0, 0}, .std = {1, 0, 1}}), "std positive");
    expect_contains(load_fault({.arch = "resnet14", .mean = {0, NAN, 0}, .std = {1, 1, 1}}), "must be finite");
  }
}

TEST_F(Models, InconsistentMetadata) {
  const auto net = nn::make_resnet("resnet8", {.classes = 3});
  nn::save_model(path, *net, checkpoint());
  const TensorFile good = nn::read_safetensors(path);
  const auto with = [&](const std::string& key, const std::string& value) {
    TensorFile file = good;
    file.metadata[key] = value;
    nn::add_content_hash(file);
    nn::write_safetensors(path, file);
    const std::string message = load_fault();
    expect_contains(message, path);
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message;
  };
  expect_contains(with("arch", "resnet\n9"), "unknown arch 'resnet\\x0a9'");
  expect_contains(with("arch", "resnet18"), "fc.weight has shape (3, 64), arch resnet18 needs (classes, 512)");
  expect_contains(with("classes", "4"), "have 4 classes, its fc.weight has 3 rows");
  expect_contains(with("classes", "many"), "classes = 'many', expected a whole number");
  expect_contains(with("classes", "-3"), "expected a whole number");
  expect_contains(with("class_names", "[\"a\"]"), "name 1 classes");
  expect_contains(with("class_names", "[1, 2, 3]"), "expected a list of names");
  expect_contains(with("class_names", "[[[["), "expected a list of names");
  expect_contains(with("stem", "vit"), "stem = 'vit', expected cifar or imagenet");
  expect_contains(with("stem", "imagenet"), "conv1.weight has shape (16, 3, 3, 3), expected (16, 3, 7, 7)");
  expect_contains(with("shortcut", "b"), "expected projection, option_a or standard");
  expect_contains(with("shortcut", "projection"), "missing: layer2.0.downsample");
  expect_contains(with("input_size", "0"), "expected a whole number from 1");
  expect_contains(with("mean", "[0.5, 0.5]"), "mean = '[0.5, 0.5]', expected a list of three numbers");
  expect_contains(with("mean", "[0.5, 0.5, \"x\"]"), "expected a list of three numbers");
  expect_contains(with("std", "[0.5, 0.5, 0]"), "std positive");
  expect_contains(with("std", "[1e999, 1, 1]"), "std = '[1e999, 1, 1]'");
  expect_contains(with("seed", "1.5"), "seed = '1.5'");
  nn::write_safetensors(path, good);
  expect_contains(load_fault({.arch = "resnet18"}), "have arch resnet8, but resnet18 was requested");
}

TEST_F(Models, EarlierNamesOfTheCropAreRead) {
  nn::save_model(path, *nn::make_resnet("resnet8", {.classes = 3}), checkpoint());
  TensorFile file = nn::read_safetensors(path);
  for (const auto& [name, crop] :
       {std::pair{"center", nn::Crop::center}, {"centre", nn::Crop::center}, {"whole picture", nn::Crop::squash}}) {
    file.metadata["crop_policy"] = name;
    nn::add_content_hash(file);
    nn::write_safetensors(path, file);
    EXPECT_EQ(nn::load_model(path).checkpoint.preprocessing.crop, crop) << name;
  }
}

TEST_F(Models, WrongTensors) {
  const auto net = nn::make_resnet("resnet8", {.classes = 3});
  const auto with = [&](const auto& change) {
    TensorFile file;
    file.metadata["arch"] = "resnet8";
    file.tensors = nn::export_weights(*net);
    change(file.tensors);
    nn::write_safetensors(path, file);
    const std::string message = load_fault();
    expect_contains(message, path);
    return message;
  };
  expect_contains(with([](Tensors& t) { t.erase("fc.weight"); }), "it has no tensor fc.weight: it is not a checkpoint of a ResNet");
  expect_contains(with([](Tensors& t) { t.erase("conv1.weight"); }), "it has no tensor conv1.weight");
  expect_contains(with([](Tensors& t) { t["fc.weight"] = Tensor::zeros({64}); }), "fc.weight has shape (64), expected 2 axes");
  expect_contains(with([](Tensors& t) { t["fc.weight"] = Tensor::zeros({0, 64}); }), "fc.weight has shape (0, 64)");
  expect_contains(with([](Tensors& t) {
                    t["fc.weight"] = Tensor::zeros({3, 32});
                  }),
                  "fc.weight has shape (3, 32), arch resnet8 needs (classes, 64)");
  // A shape without elements takes no space in the file; it must not allocate a classifier of that many rows.
  expect_contains(with([](Tensors& t) { t["fc.weight"] = Tensor(Shape{int64_t{1} << 40, 0}); }), "fc.weight has shape (1099511627776, 0)");
  expect_contains(with([](Tensors& t) { t["conv1.weight"] = Tensor::zeros({16, 3, 5, 5}); }), "kernels of 3 (CIFAR) or 7 (ImageNet)");
  expect_contains(with([](Tensors& t) { t["layer3.0.conv2.weight"].data<float>()[7] = NAN; }),
                  "layer3.0.conv2.weight has values that are not finite");
}

TEST_F(Models, TruncatedFlippedAndOtherFiles) {
  const auto net = nn::make_resnet("resnet8", {.classes = 3});
  nn::save_model(path, *net, checkpoint());
  const std::string whole = read_bytes(path);
  for (size_t eighth = 0; eighth < 8; ++eighth) {
    write_bytes(path, whole.substr(0, whole.size() * eighth / 8));
    expect_contains(load_fault(), path + " is not a whole safetensors file");
  }
  write_bytes(path, whole);
  uint64_t length;
  std::memcpy(&length, whole.data(), 8);
  for (size_t bit = (8 + length) * 8 + 5; bit < whole.size() * 8; bit += 80021) {  // the weights, here and there
    flip_bit(path, bit);
    expect_contains(load_fault(), "the file has changed since");
    flip_bit(path, bit);
  }
  EXPECT_EQ(load_fault(), "");
  write_bytes(path, "a text file that is not a checkpoint");
  expect_contains(load_fault(), "claims a header of");
  expect_contains(message_of([&] { nn::load_model(directory.path()); }), "it is a directory");
  expect_contains(message_of([&] { nn::load_model(directory / "absent.safetensors"); }), "No such file");
}

TEST_F(Models, FlippedHeaderBitsNeverLoadWrongWeights) {
  // The whole header of a small foreign file: without a content hash, only the structure is checked.
  TinyNet net(1), fresh(2);
  TensorFile file;
  file.tensors = nn::export_weights(net);
  nn::write_safetensors(path, file);
  const std::string whole = read_bytes(path), original = hash_of(net), untouched = hash_of(fresh);
  uint64_t length;
  std::memcpy(&length, whole.data(), 8);
  int loaded = 0;
  for (size_t bit = 0; bit < (8 + length) * 8; ++bit) {
    flip_bit(path, bit);
    const std::string message = message_of([&] { nn::load_weights(fresh, nn::read_safetensors(path).tensors); });
    if (message.empty()) {
      // The file loaded, so that every name was found, and one bit cannot move two offsets: the weights are unchanged.
      ++loaded;
      EXPECT_EQ(original, hash_of(fresh)) << "bit " << bit;
      fresh.fc.weight.mutable_value() = Tensor::zeros({2, 3});
      nn::load_weights(fresh, nn::export_weights(TinyNet(2)));
    } else {
      EXPECT_EQ(message.find('\n'), std::string::npos);
    }
    ASSERT_EQ(untouched, hash_of(fresh)) << "bit " << bit;
    flip_bit(path, bit);
  }
  EXPECT_LT(loaded, 200) << "of " << (8 + length) * 8;
}

TEST_F(Models, InvalidModelsAreNotSaved) {
  auto net = nn::make_resnet("resnet8", {.classes = 3});
  nn::Checkpoint bad = checkpoint();
  bad.class_names.pop_back();
  expect_contains(message_of([&] { nn::save_model(path, *net, bad); }), "2 class names for 3 classes");
  expect_contains(message_of([&] { nn::save_model(directory / "absent/model", *net, checkpoint()); }), "cannot write");
  net->named_parameters()[0].variable.mutable_value().data<float>()[3] = NAN;
  expect_contains(message_of([&] { nn::save_model(path, *net, checkpoint()); }), "conv1.weight has values that are not finite");
  EXPECT_EQ(directory.files(), 0);
}

}  // namespace
