// mode explain A: csd's decision on one image, and the training regions behind it.

#include <algorithm>

#include "mode/detectors/bank.h"
#include "mode/detectors/knn.h"
#include "mode/evaluation/tables.h"
#include "mode/report/drawing.h"
#include "nn/data/image_io.h"
#include "nn/text.h"
#include "tools/commands/commands.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

using Region = tensor::ops::Rect;

/// A row of the bank, near the vector that decided.
struct Neighbor {
  int64_t image, label;  // index in the training set
  size_t scale;
  double distance;
};

std::string box_text(const Region& box) { return fmt::format("{} {} {} {}", box.left, box.top, box.right, box.bottom); }

std::string class_of(const nn::Dataset& dataset, int64_t label) {
  const std::vector<std::string>& names = dataset.class_names();
  return label < 0 ? "-" : label < static_cast<int64_t>(names.size()) ? names[label] : std::to_string(label);
}

void print_scales(const Features& of_image, const KnnResult& found, int64_t k, size_t decisive, const std::vector<Region>& boxes) {
  const int64_t columns = found.distances.dim(1);
  std::vector<std::vector<std::string>> rows = {{"  scale", "box (x0 y0 x1 y1)", "nearest", fmt::format("K = {}", k)}};
  for (size_t scale = 0; scale < boxes.size(); ++scale) {
    const float* distances = found.distances.data<float>() + static_cast<int64_t>(scale) * columns;
    rows.push_back({fmt::format("{} {}", scale == decisive ? '>' : ' ', of_image.scales[scale].name), box_text(boxes[scale]),
                    fmt::format("{:.6f}", distances[0]), fmt::format("{:.6f}", distances[k - 1])});
    if (scale == decisive) rows.back().emplace_back("decides");
  }
  fmt::print("\n{}", align(rows, 2));
}

void print_neighbors(const nn::Dataset& training, const Features& train, const std::vector<Neighbor>& neighbors,
                     const std::vector<Region>& boxes) {
  std::vector<std::vector<std::string>> rows = {{"", "image", "class", "scale", "box (x0 y0 x1 y1)", "distance"}};
  for (const Neighbor& of : neighbors)
    rows.push_back({fmt::format("   {}", rows.size()), nn::printable(training.image_name(of.image)), class_of(training, of.label),
                    train.scales[of.scale].name, box_text(boxes[of.scale]), fmt::format("{:.6f}", of.distance)});
  fmt::print("\n{}", align(rows, 5));
}

constexpr int64_t gap = 12, caption = 36;

/// The image, and beside it, a little apart, each neighbor; every one with its region outlined.
class Row {
 public:
  Row(int64_t size, size_t neighbors)
      : edge_(shown_edge(size)),
        sheet_(blank_sheet(gap + edge_ + caption, 2 * gap + static_cast<int64_t>(1 + neighbors) * (edge_ + gap),
                           "take a smaller --nearest")) {}
  void add(const nn::Image& image, const Scale& scale, const Features& features, const std::string& text) {
    nn::Image shown = with_edge(image, edge_);
    outline(shown, in_pixels(scale.region, features.map_height, features.map_width, edge_));
    paste(sheet_, gap, left_, shown);
    write_text(sheet_, gap + edge_ + 4, left_, text.substr(0, static_cast<size_t>(edge_ / 8)));
    write_text(sheet_, gap + edge_ + 18, left_, scale.name);
    left_ += (left_ == gap ? 2 : 1) * gap + edge_;
  }
  const nn::Image& sheet() const { return sheet_; }

 private:
  int64_t edge_, left_ = gap;
  nn::Image sheet_;
};

}  // namespace

int explain_nearest(const ExplainOptions& options) {
  const tensor::Device device = device_of(options.device);
  nn::LoadedModel model = load_usable_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std}, device);
  fmt::print("mode explain: {} from {}; {}\n", model.net->arch(), options.model, machine_line(device));
  const nn::Framing framing = model.checkpoint.preprocessing.framing();
  const auto training = nn::open_dataset(options.id, framing);
  const auto file = open_images(options.images, framing);
  const nn::Image image = image_of(*file, 0);
  const std::vector<std::string> scale_sets = options.scales.empty() ? csd_scale_sets() : options.scales;
  const Features of_image = extract_features(*model.net, *file, model.checkpoint.preprocessing, 1, {}, scale_sets);
  make_neighbor_detector("csd", {.k = options.k})->check_bank(training->size(), of_image.scales);

  const Features train = features_of(model, *training, options.batch, "ID training", scale_sets);
  const Bank bank = make_bank(train);
  const int64_t shown = std::min(options.nearest, bank.rows.dim(0)), searched = std::max(options.k, shown);
  const KnnResult found = knn(normalized_rows(of_image), bank.rows, searched);
  const float* distances = found.distances.data<float>();
  size_t decisive = 0;  // csd's: of equals the first
  const auto kth = [&](size_t scale) { return distances[static_cast<int64_t>(scale) * searched + options.k - 1]; };
  for (size_t scale = 1; scale < of_image.scales.size(); ++scale)
    if (kth(scale) < kth(decisive)) decisive = scale;
  std::vector<Neighbor> neighbors;
  for (int64_t no = 0; no < shown; ++no) {
    const int64_t at = static_cast<int64_t>(decisive) * searched + no, row = found.rows.data<int64_t>()[at];
    neighbors.push_back({bank.ids.data<int32_t>()[row], bank.labels.data<int32_t>()[row],
                         static_cast<size_t>(bank.scales.data<int32_t>()[row]), static_cast<double>(distances[at])});
  }

  const std::vector<Region> boxes = boxes_of(of_image);
  fmt::print("image    {}\n", nn::printable(options.images[0]));
  fmt::print("csd        score {:.6f}: minus the smallest of its {} squared distances to the K-th nearest of {} training regions\n",
             -static_cast<double>(kth(decisive)), boxes.size(), with_commas(bank.rows.dim(0)));
  print_scales(of_image, found, options.k, decisive, boxes);
  print_neighbors(*training, train, neighbors, boxes);

  Row row(framing.size, neighbors.size());
  row.add(image, of_image.scales[decisive], of_image, fmt::format("k={} {:.3f}", options.k, kth(decisive)));
  for (const Neighbor& of : neighbors)
    row.add(image_of(*training, of.image), train.scales[of.scale], train,
            fmt::format("{:.3f} {}", of.distance, class_of(*training, of.label)));
  nn::write_png(options.out, row.sheet());
  fmt::print("\nimage    {}: the deciding region, and beside it the {} nearest training regions\n", options.out, neighbors.size());
  return 0;
}

}  // namespace mode::tools
