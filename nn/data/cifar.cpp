// CIFAR-10 and CIFAR-100 in the official binary version (https://www.cs.toronto.edu/~kriz/cifar.html). A record has one label byte (CIFAR-100:
// coarse label, fine label) and 3072 pixels: the red, green and blue planes of 32 x 32.

#include <algorithm>

#include "nn/data/readers.h"
#include "nn/files.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

constexpr int64_t edge = 32, plane = edge * edge, pixel_bytes = 3 * plane;
constexpr int64_t max_records = 50'000;  // of one file: train.bin of CIFAR-100

struct Layout {
  const char* title;
  const char* folder;  // in the official archive
  const char* names_file;
  int64_t label_bytes, classes, official_records[2];  // of a train and of a test file
  std::vector<std::string> train_files, test_files;
  int64_t record() const { return label_bytes + pixel_bytes; }
};

const Layout& cifar10_layout() {
  static const Layout layout{
      .title = "CIFAR-10",
      .folder = "cifar-10-batches-bin",
      .names_file = "batches.meta.txt",
      .label_bytes = 1,
      .classes = 10,
      .official_records = {10'000, 10'000},
      .train_files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
      .test_files = {"test_batch.bin"}};
  return layout;
}
const Layout& cifar100_layout() {
  static const Layout layout{.title = "CIFAR-100",
                             .folder = "cifar-100-binary",
                             .names_file = "fine_label_names.txt",
                             .label_bytes = 2,
                             .classes = 100,
                             .official_records = {50'000, 10'000},
                             .train_files = {"train.bin"},
                             .test_files = {"test.bin"}};
  return layout;
}

std::vector<std::string> read_class_names(const std::string& path, const Layout& layout) {
  std::vector<std::string> names;
  if (!is_file(path)) {
    for (int64_t label = 0; label < layout.classes; ++label) names.push_back(std::to_string(label));
    return names;
  }
  for (std::string line : read_lines(path)) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) names.push_back(printable(line));
  }
  if (static_cast<int64_t>(names.size()) != layout.classes)
    throw tensor::Error(fmt::format("{} has {} class names, expected {}, one per line; unpack the archive of {} again", path, names.size(),
                                    layout.classes, layout.title));
  return names;
}

class Cifar : public Dataset {
 public:
  Cifar(const DataSpec& spec, const Layout& layout, const std::string& split, const DataOptions& options, const Framing& framing) {
    spec_ = fmt::format("{}:{}?split={}", spec.kind, spec.location, split);
    framing_ = framing;
    const std::vector<std::string>& files = split == "train" ? layout.train_files : layout.test_files;
    const std::string folder = find_folder(spec.location, layout, files.front());
    class_names_ = read_class_names(folder + "/" + layout.names_file, layout);
    int64_t available = 0;
    for (const std::string& file : files)
      available += records_in(fmt::format("{}/{}", folder, file), layout, layout.official_records[split == "train" ? 0 : 1]);
    const int64_t wanted = options.has("seed") ? available : options.limit(available);  // with a seed, open_cifar() selects
    labels_.reserve(wanted);
    pixels_.reserve(wanted * pixel_bytes);
    for (const std::string& file : files) read_records(folder, file, layout, wanted);
  }

  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  int64_t label(int64_t index) const override { return labels_[checked(index)]; }
  std::string image_name(int64_t index) const override {
    checked(index);
    size_t file = files_.size() - 1;
    while (files_[file].first > index) --file;
    return fmt::format("{}#{}", files_[file].name, index - files_[file].first);
  }
  void read(int64_t index, uint8_t* pixels) const override {
    write_framed(pixels_.data() + checked(index) * pixel_bytes, edge, framing_, pixels);
  }

 private:
  struct File {
    std::string name;
    int64_t first;  // index of its first image
  };

  int64_t checked(int64_t index) const {
    check_index(index);
    return index;
  }

  static std::string find_folder(const std::string& location, const Layout& layout, const std::string& file) {
    if (!is_folder(location))
      throw tensor::Error(fmt::format("{}: no such folder '{}'; give the folder of {}", layout.title, printable(location), file));
    const std::string inner = location + "/" + layout.folder;
    if (is_file(location + "/" + file) || !is_folder(inner)) return location;
    return inner;
  }

  static int64_t records_in(const std::string& path, const Layout& layout, int64_t official) {
    if (!is_file(path)) throw tensor::Error(fmt::format("{}: no file {}; unpack the official binary version there", layout.title, path));
    const int64_t bytes = file_size(path), record = layout.record(), records = bytes / record;
    const std::string expected = fmt::format("the official file has {} records of {} bytes; unpack the archive again", official, record);
    if (bytes == 0) throw tensor::Error(fmt::format("{} is empty: {}", path, expected));
    if (bytes % record != 0)
      throw tensor::Error(
          fmt::format("{} has {} bytes, {} whole records and {} further bytes: {}", path, bytes, records, bytes % record, expected));
    if (records > max_records)
      throw tensor::Error(
          fmt::format("{} has {} bytes, {} records, more than any file of {}: {}", path, bytes, records, layout.title, expected));
    return records;
  }

  // Appends the records of a file with interleaved channels, until the dataset has `wanted` images.
  void read_records(const std::string& folder, const std::string& file, const Layout& layout, int64_t wanted) {
    const int64_t count = std::min(wanted - size(), file_size(folder + "/" + file) / layout.record());
    if (count <= 0) return;
    files_.push_back({file, size()});
    const std::vector<uint8_t> bytes = read_start(folder + "/" + file, count * layout.record());
    CHECK(static_cast<int64_t>(bytes.size()) == count * layout.record(), "{}/{}: another process truncated it during the read; try again",
          folder, file);
    for (int64_t no = 0; no < count; ++no) {
      const uint8_t* record = bytes.data() + no * layout.record();
      const int64_t label = record[layout.label_bytes - 1];
      if (label >= layout.classes)
        throw tensor::Error(fmt::format("{}/{}: record {} has label {}, expected 0 to {}; the file is damaged or not of {}", folder, file,
                                        no, label, layout.classes - 1, layout.title));
      labels_.push_back(label);
      const uint8_t* planes = record + layout.label_bytes;
      pixels_.resize(pixels_.size() + pixel_bytes);
      uint8_t* out = pixels_.data() + pixels_.size() - pixel_bytes;
      for (int64_t at = 0; at < plane; ++at)
        for (int64_t channel = 0; channel < 3; ++channel) out[3 * at + channel] = planes[channel * plane + at];
    }
  }

  std::vector<uint8_t> pixels_;
  std::vector<int64_t> labels_;
  std::vector<File> files_;
};

std::unique_ptr<Dataset> open_cifar(const DataSpec& spec, const Framing& framing, const Layout& layout) {
  const DataOptions options(spec, {"split", "limit", "seed"});
  auto whole = std::make_shared<Cifar>(spec, layout, options.choice("split", {"train", "test"}), options, framing);
  std::vector<int64_t> labels;
  for (int64_t index = 0; index < whole->size(); ++index) labels.push_back(whole->label(index));
  const std::vector<int64_t> chosen = limited(options, labels, whole->class_names(), Order::mixed);
  return subset(std::move(whole), chosen);
}

}  // namespace

std::unique_ptr<Dataset> open_cifar10(const DataSpec& spec, const Framing& framing) { return open_cifar(spec, framing, cifar10_layout()); }
std::unique_ptr<Dataset> open_cifar100(const DataSpec& spec, const Framing& framing) {
  return open_cifar(spec, framing, cifar100_layout());
}

}  // namespace nn
