// mode explain A B: where each region of one image looks in the other.

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "mode/alpa/attention.h"
#include "mode/detectors/regions.h"
#include "mode/report/drawing.h"
#include "mode/training/run_directory.h"
#include "mode/training/trainer.h"
#include "nn/data/image_io.h"
#include "nn/data/loader.h"
#include "nn/text.h"
#include "tools/commands/commands.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

using Region = tensor::ops::Rect;

/// A network and how its regions attend.
struct Looker {
  std::unique_ptr<nn::ResNet> net;
  nn::Preprocessing preprocessing;
  std::unique_ptr<AlpaHeads> heads;  // null: the local vectors themselves
  AlpaOptions alpa;
  std::string name;  // "resnet18, epoch 3 of runs/a"
};

/// The network and the heads of a run's state. What the file says is checked before it decides how much memory is asked for.
Looker from_run(const std::string& path, tensor::Device device) {
  CHECK(!std::filesystem::is_regular_file(path),
        "{} is a file, and --run names the folder of a training run; a network alone is for --model", path);
  RunDirectory directory(path);
  CHECK(std::filesystem::exists(directory.state_path()), "{} does not exist; --run names the folder that mode train --out made",
        directory.state_path());
  const RunState state = directory.load_state();
  const TrainOptions& options = state.options;
  const std::map<std::string, tensor::Tensor> weights = directory.network_tensors();
  std::map<std::string, tensor::Tensor> of_heads;
  for (const auto& [name, tensor] : directory.objective_tensors())
    if (name.rfind("alpa.", 0) == 0) of_heads.emplace(name.substr(5), tensor);
  CHECK(!of_heads.empty(), "{} was trained without ALPA and has no heads; look at its vectors themselves by --model {}", path,
        directory.model_path());

  const int64_t embedding = nn::feature_dim_of(options.arch);
  const auto rows_of_matrix = [&](const std::map<std::string, tensor::Tensor>& tensors, const std::string& name) {
    const auto found = tensors.find(name);
    CHECK(found != tensors.end() && found->second.rank() == 2 && found->second.dim(0) >= 1 && found->second.dim(1) == embedding,
          "{}: it has no {} (.., {}), which its arch {} needs", directory.state_path(), name, embedding, options.arch);
    return found->second.dim(0);
  };
  nn::ResNetConfig config;
  config.classes = rows_of_matrix(weights, "fc.weight");
  config.stem = parse_stem(options.stem);
  config.shortcut = parse_shortcut(options.shortcut);
  Looker looker;
  looker.net = nn::make_resnet(options.arch, config, /*initialized=*/false);
  nn::load_weights(*looker.net, weights);
  looker.net->to(device);
  looker.heads = std::make_unique<AlpaHeads>(embedding, rows_of_matrix(of_heads, "query.2.weight"));
  nn::load_weights(*looker.heads, of_heads);
  looker.preprocessing = state.preprocessing;
  for (const double std : looker.preprocessing.std)
    CHECK(std > 0 && std::isfinite(std), "{}: a std of {}; it must be finite and above 0", directory.state_path(), std);
  looker.alpa = objective_of(options).alpa;
  looker.name = fmt::format("{}, {} epochs into {}", options.arch, state.epoch, path);
  return looker;
}

Looker from_model(const ExplainOptions& options, tensor::Device device) {
  nn::LoadedModel model = load_usable_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std}, device);
  const std::string name = fmt::format("{} from {}", model.net->arch(), options.model);
  return {std::move(model.net), model.checkpoint.preprocessing, nullptr, {}, name};
}

/// The last map of all images, on the cpu.
tensor::Tensor map_of(nn::ResNet& net, const nn::Dataset& images, const nn::Preprocessing& preprocessing) {
  const autograd::NoGrad no_grad;
  net.eval();
  nn::LoaderOptions options;
  options.batch = images.size();
  options.shuffle = false;
  options.preprocessing = preprocessing;
  tensor::Tensor map;
  for (const nn::Batch& batch : nn::Loader(images, options)) map = net(batch.images.to(net.device())).feature_map.value().to({});
  const float* values = map.data<float>();
  CHECK(std::all_of(values, values + map.numel(), [](float value) { return std::isfinite(value); }),
        "the network gives features that are not finite; its weights are broken or do not fit its normalization");
  return map;
}

std::string name_of(AlpaAggregate aggregate) {
  for (const auto& [name, named] : alpa_aggregates())
    if (named == aggregate) return name;
  return {};
}

/// Regions of image `from` looking at image `to`; 0 is A, 1 is B.
struct Direction {
  size_t from, to;
  Attention attention;
};

const char letters[] = {'A', 'B'};

void print_numbers(const Direction& direction, int64_t rows, int64_t columns) {
  const std::string first = "cosine with what they find", second = fmt::format("regions looked at (1 .. {})", rows * columns);
  const size_t width = std::max(first.size(), static_cast<size_t>(8 * columns));
  fmt::print("\nregions of {} in {}\n  {:<{}}    {}\n", letters[direction.from], letters[direction.to], first, width, second);
  const double* cosines = direction.attention.cosines.data<double>();
  const tensor::Tensor looked_at = regions_looked_at(direction.attention);
  for (int64_t row = 0; row < rows; ++row) {
    std::string left, right;
    for (int64_t column = 0; column < columns; ++column) {
      left += fmt::format("{:7.4f} ", cosines[row * columns + column]);
      right += fmt::format(" {:6.2f}", looked_at.data<double>()[row * columns + column]);
    }
    fmt::print("  {:<{}}   {}\n", left, width, right);
  }
}

/// The range of attention that the colors span, from none to yellow.
struct Colors {
  double least, full;
};
Colors stretched(const double* weights, int64_t regions) {
  const auto [least, most] = std::minmax_element(weights, weights + regions);
  return {*least, std::max(*most, *least + 1e-12)};
}

constexpr int64_t gap = 12, between_halves = 2, caption = 16, heading = 32;

/// A tile for each region, at the region's place: the image with the region outlined, the other one under its attention. Without shared
/// colors every tile has its own.
void draw(nn::Image& sheet, int64_t top, const Direction& direction, const std::vector<nn::Image>& images, const std::vector<Region>& boxes,
          int64_t columns, const Colors* shared) {
  const int64_t edge = images[0].width, regions = static_cast<int64_t>(boxes.size());
  write_text(sheet, top + 6, gap,
             fmt::format("{} > {}  S {:.3f}", letters[direction.from], letters[direction.to], direction.attention.similarity), 3);
  const double* weights = direction.attention.weights.data<double>();
  for (int64_t r = 0; r < regions; ++r) {
    const int64_t y = top + heading + r / columns * (edge + caption + gap), x = gap + r % columns * (2 * edge + between_halves + gap);
    nn::Image from = images[direction.from], to = images[direction.to];
    outline(from, boxes[r]);
    const double* row = weights + r * regions;
    const Colors colors = shared != nullptr ? *shared : stretched(row, regions);
    std::vector<double> heat;
    for (int64_t at = 0; at < regions; ++at) heat.push_back((row[at] - colors.least) / (colors.full - colors.least));
    lay_heat(to, boxes, heat);
    paste(sheet, y, x, from);
    paste(sheet, y, x + edge + between_halves, to);
    write_text(sheet, y + edge + 3, x, fmt::format("cos {:.3f}", direction.attention.cosines.data<double>()[r]));
    write_text(sheet, y + edge + 3, x + edge + between_halves, fmt::format("peak {:.3f}", *std::max_element(row, row + regions)));
  }
}

}  // namespace

int explain_pair(const ExplainOptions& options) {
  const tensor::Device device = device_of(options.device);
  Looker looker = options.run.empty() ? from_model(options, device) : from_run(options.run, device);
  const nn::Preprocessing& input = looker.preprocessing;
  CHECK(input.size >= 1 && input.size <= 4096, "images of {0} x {0} pixels; the edge must be 1 to 4096", input.size);
  fmt::print("mode explain: {}; {}\n", looker.name, machine_line(device));
  const auto files = open_images(options.images, input.framing());
  std::vector<nn::Image> images;
  for (int64_t no = 0; no < 2; ++no) images.push_back(with_edge(image_of(*files, no), shown_edge(input.size)));

  const tensor::Tensor map = map_of(*looker.net, *files, input);
  const int64_t height = map.dim(1), width = map.dim(2), grid = options.grid > 0 ? options.grid : looker.alpa.grid;
  CHECK(options.grid <= std::max(height, width), "--grid {}: the network's map of these images is {} x {}; take at most {}", options.grid,
        height, width, std::max(height, width));
  const std::vector<Region> windows = alpa_windows(height, width, grid);
  const tensor::Tensor regions = alpa_regions(autograd::Variable(map), grid).value();
  const LocalVectors vectors = looker.heads ? alpa_vectors(*looker.heads, regions) : plain_vectors(regions, options.temperature);
  const int64_t rows = std::min(grid, height), columns = std::min(grid, width);

  const AlpaAggregate aggregate = looker.alpa.aggregate;
  std::vector<Direction> directions;
  double own[2], largest = 0;
  for (size_t no = 0; no < 2; ++no) {
    const auto i = static_cast<int64_t>(no);
    own[no] = attention_of(vectors, i, i, aggregate).similarity;
    directions.push_back({no, 1 - no, attention_of(vectors, i, 1 - i, aggregate)});
  }
  for (size_t no = 0; no < 2; ++no) fmt::print("{}          {}\n", letters[no], nn::printable(options.images[no]));
  fmt::print("regions    {} x {} of the map of {} x {}\n", rows, columns, height, width);
  if (looker.heads)
    fmt::print("attention  softmax(q k / sqrt {}) by the run's ALPA heads\n", vectors.q.dim(2));
  else
    fmt::print("attention  softmax(cosine / {:g}) of the local vectors themselves: the network comes without ALPA heads\n",
               options.temperature);
  fmt::print("S_AB       {:.6f}, the {} over A's regions of their cosine with what they find in B\n", directions[0].attention.similarity,
             name_of(aggregate));
  fmt::print("S_BA       {:.6f}\n", directions[1].attention.similarity);
  fmt::print("s          {:.6f} = S_AB + S_BA; of A with itself {:.6f}, of B with itself {:.6f}\n",
             directions[0].attention.similarity + directions[1].attention.similarity, 2 * own[0], 2 * own[1]);
  if (options.direction != "both") directions.erase(directions.begin() + (options.direction == "ab" ? 1 : 0));
  for (const Direction& direction : directions) {
    print_numbers(direction, rows, columns);
    for (const double weight : direction.attention.weights.to_vector()) largest = std::max(largest, weight);
  }

  // Attention that is the same everywhere must not look like a find: full heat is at least four times that.
  const double uniform = 1.0 / static_cast<double>(rows * columns), full = std::max(largest, std::min(1.0, 4 * uniform));
  const Colors shared = {0, full};
  const int64_t edge = images[0].width, block = heading + rows * (edge + caption + gap);
  std::vector<Region> boxes;
  for (const Region& window : windows) boxes.push_back(in_pixels(window, height, width, edge));
  nn::Image sheet = blank_sheet(static_cast<int64_t>(directions.size()) * block, gap + columns * (2 * edge + between_halves + gap),
                                "take a smaller --grid");
  for (size_t no = 0; no < directions.size(); ++no)
    draw(sheet, static_cast<int64_t>(no) * block, directions[no], images, boxes, columns, options.stretch ? nullptr : &shared);
  nn::write_png(options.out, sheet);
  if (options.stretch)
    fmt::print("\nimage    {}: each tile from its least attention (no color) to its largest (yellow), however close they are\n",
               options.out);
  else
    fmt::print("\nimage    {}: yellow is attention of {:.3f} or more, no color is 0 (alike everywhere: {:.3f})\n", options.out, full,
               uniform);
  return 0;
}

}  // namespace mode::tools
