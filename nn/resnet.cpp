#include "nn/resnet.h"

#include <map>

#include "nn/text.h"

namespace nn {
namespace {

struct Arch {
  BlockKind kind;
  std::vector<int64_t> blocks, widths;
  Shortcut shortcut;
};

const std::map<std::string, Arch>& archs() {
  static const std::map<std::string, Arch> table = [] {
    std::map<std::string, Arch> built;
    for (const int64_t depth : {8, 14, 20, 32, 44, 56}) {
      const int64_t blocks = (depth - 2) / 6;  // three stages of blocks with two convolutions each
      built["resnet" + std::to_string(depth)] = {BlockKind::basic, {blocks, blocks, blocks}, {16, 32, 64}, Shortcut::option_a};
    }
    const std::vector<int64_t> widths = {64, 128, 256, 512};
    built["resnet18"] = {BlockKind::basic, {2, 2, 2, 2}, widths, Shortcut::projection};
    built["resnet34"] = {BlockKind::basic, {3, 4, 6, 3}, widths, Shortcut::projection};
    built["resnet50"] = {BlockKind::bottleneck, {3, 4, 6, 3}, widths, Shortcut::projection};
    built["resnet101"] = {BlockKind::bottleneck, {3, 4, 23, 3}, widths, Shortcut::projection};
    return built;
  }();
  return table;
}

const Arch& find_arch(const std::string& name) {
  const auto found = archs().find(name);
  CHECK(found != archs().end(), "unknown arch '{}'; known: {}", printable(name), joined(known_archs()));
  return found->second;
}

constexpr tensor::ops::Pool2dParams stem_pool{3, 2, 1};

Conv2d stem_conv(Stem stem, int64_t channels) {
  return stem == Stem::imagenet ? Conv2d(3, channels, 7, 2, 3) : Conv2d(3, channels, 3, 1, 1);
}

}  // namespace

ResNet::ResNet(std::string arch, BlockKind kind, std::vector<int64_t> blocks, std::vector<int64_t> widths, ResNetConfig config)
    : arch_(std::move(arch)),
      config_(config),
      conv1_(stem_conv(config.stem, widths.at(0))),
      bn1_(widths.at(0)),
      fc_(block_channels(kind, widths.back()), config.classes) {
  CHECK(blocks.size() == widths.size(), "ResNet: {} stages and {} widths; give one width per stage", blocks.size(), widths.size());
  if (config_.shortcut == Shortcut::standard) config_.shortcut = Shortcut::projection;
  register_module("conv1", &conv1_);
  register_module("bn1", &bn1_);
  int64_t channels = widths[0];
  for (size_t stage = 0; stage < blocks.size(); ++stage) {
    CHECK(blocks[stage] > 0, "ResNet: stage {} has no block; give at least 1", stage + 1);
    stages_.emplace_back();
    for (int64_t block = 0; block < blocks[stage]; ++block) {
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      stages_[stage].push_back(make_block(kind, channels, widths[stage], stride, config_.shortcut));
      register_module(fmt::format("layer{}.{}", stage + 1, block), stages_[stage].back().get());
      channels = block_channels(kind, widths[stage]);
    }
  }
  register_module("fc", &fc_);
}

ResNetOutput ResNet::operator()(const Variable& images) {
  CHECK(images.value().rank() == 4 && images.shape()[3] == 3, "ResNet: images have shape {}, expected (N, H, W, 3)",
        images.shape().to_string());
  Variable x = bn1_(conv1_(images), /*relu=*/true);
  if (config_.stem == Stem::imagenet) x = autograd::max_pool2d(x, stem_pool);
  for (const auto& stage : stages_)
    for (const auto& block : stage) x = (*block)(x);
  const Variable features = autograd::global_average_pool(x);
  return {x, features, fc_(features)};
}

int64_t ResNet::feature_dim() const { return fc_.weight.shape()[1]; }

std::vector<LayerRow> ResNet::layer_table(int64_t height, int64_t width) const {
  std::vector<LayerRow> rows;
  Shape shape = append_layer(rows, "conv1 + bn1", conv1_, {1, height, width, 3});
  if (config_.stem == Stem::imagenet) {
    const auto pooled = [](int64_t extent) { return (extent + 2 * stem_pool.padding - stem_pool.kernel) / stem_pool.stride + 1; };
    shape = {1, pooled(shape[1]), pooled(shape[2]), shape[3]};
    const int64_t saved_bytes = shape.numel() * int64_t{sizeof(float) + sizeof(int32_t)};  // the maxima and their positions
    rows.push_back({.name = "max pool", .output = shape, .saved_bytes = saved_bytes});
  }
  for (size_t stage = 0; stage < stages_.size(); ++stage)
    for (size_t block = 0; block < stages_[stage].size(); ++block)
      shape = stages_[stage][block]->append_layers(rows, fmt::format("layer{}.{}", stage + 1, block), shape);
  rows.push_back({.name = "global average pool", .output = {1, shape[3]}, .saved_bytes = shape[3] * int64_t{sizeof(float)}});
  const Tensor& w = fc_.weight.value();
  rows.push_back({.name = "fc",
                  .output = {1, w.dim(0)},
                  .parameters = w.numel() + w.dim(0),
                  .mflop = 2e-6 * static_cast<double>(w.numel()),
                  .saved_bytes = w.dim(0) * int64_t{sizeof(float)}});
  return rows;
}

std::unique_ptr<ResNet> make_resnet(const std::string& arch, ResNetConfig config, bool initialized) {
  const Arch& found = find_arch(arch);
  CHECK(config.classes > 0, "make_resnet: {} classes, expected at least 1", config.classes);
  if (config.shortcut == Shortcut::standard) config.shortcut = found.shortcut;
  auto net = std::make_unique<ResNet>(arch, found.kind, found.blocks, found.widths, config);
  if (initialized) initialize(*net, config.seed);
  return net;
}

std::vector<std::string> known_archs() {
  return {"resnet8", "resnet14", "resnet18", "resnet20", "resnet32", "resnet34", "resnet44", "resnet50", "resnet56", "resnet101"};
}

Shortcut default_shortcut(const std::string& arch) { return find_arch(arch).shortcut; }

int64_t feature_dim_of(const std::string& arch) {
  const Arch& found = find_arch(arch);
  return block_channels(found.kind, found.widths.back());
}

const Names<Stem>& stem_names() {
  static const Names<Stem> names = {{"cifar", Stem::cifar}, {"imagenet", Stem::imagenet}};
  return names;
}

const Names<Shortcut>& shortcut_names() {
  static const Names<Shortcut> names = {{"projection", Shortcut::projection},
                                        {"option_a", Shortcut::option_a},
                                        {"a", Shortcut::option_a},
                                        {"standard", Shortcut::standard},
                                        {"", Shortcut::standard}};
  return names;
}

std::string format_layer_table(const ResNet& net, int64_t size) {
  const auto row_text = [](const std::string& name, const std::string& output, int64_t parameters, double mflop, int64_t saved_bytes) {
    return fmt::format("{:<24} {:>18} {:>12} {:>10.2f} {:>10.1f}\n", name, output, with_commas(parameters), mflop,
                       static_cast<double>(saved_bytes) / 1024);
  };
  std::string text = fmt::format("{:<24} {:>18} {:>12} {:>10} {:>10}\n", "layer", "output", "parameters", "MFLOP", "kept KiB");
  LayerRow sum;
  for (const LayerRow& row : net.layer_table(size, size)) {
    text += row_text(row.name, row.output.to_string(), row.parameters, row.mflop, row.saved_bytes);
    sum.parameters += row.parameters;
    sum.mflop += row.mflop;
    sum.saved_bytes += row.saved_bytes;
  }
  return text + row_text(net.arch(), "", sum.parameters, sum.mflop, sum.saved_bytes);
}

}  // namespace nn
