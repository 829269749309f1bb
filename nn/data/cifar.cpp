// CIFAR-10 and CIFAR-100 as their authors publish them in binary (https://www.cs.toronto.edu/~kriz/cifar.html): records of a label byte
// (CIFAR-100: coarse, then fine) and 3072 pixels, the red, green and blue planes of 32 x 32 one after the other.

#include <algorithm>
#include <sstream>

#include "nn/data/readers.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

constexpr int64_t edge = 32, plane = edge * edge, pixel_bytes = 3 * plane;
constexpr int64_t most_records = 50'000;  // of one file: CIFAR-100's train.bin

struct Layout {
  const char* title;
  const char* folder;  // as the official archive names it
  const char* names_file;
  int64_t label_bytes, classes, official_records[2];  // of a train and of a test file
  std::vector<std::string> train_files, test_files;
  int64_t record() const { return label_bytes + pixel_bytes; }
};

const Layout& cifar10_layout() {
  static const Layout layout{"CIFAR-10",
                             "cifar-10-batches-bin",
                             "batches.meta.txt",
                             1,
                             10,
                             {10'000, 10'000},
                             {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
                             {"test_batch.bin"}};
  return layout;
}
const Layout& cifar100_layout() {
  static const Layout layout{"CIFAR-100", "cifar-100-binary", "fine_label_names.txt", 2,
                             100,         {50'000, 10'000},   {"train.bin"},          {"test.bin"}};
  return layout;
}

std::vector<std::string> read_class_names(const std::string& path, const Layout& layout) {
  std::vector<std::string> names;
  if (!is_file(path)) {
    for (int64_t label = 0; label < layout.classes; ++label) names.push_back(std::to_string(label));
    return names;
  }
  const std::vector<uint8_t> bytes = read_file(path, 1 << 20);
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) names.push_back(printable(line));
  }
  if (static_cast<int64_t>(names.size()) != layout.classes)
    throw tensor::Error(fmt::format("{} has {} class names, expected {}, one a line; unpack {}'s archive again", path, names.size(),
                                    layout.classes, layout.title));
  return names;
}

class Cifar : public Dataset {
 public:
  Cifar(const DataSpec& spec, const Layout& layout, const std::string& split, const Options& options, const Framing& framing) {
    spec_ = fmt::format("{}:{}?split={}", spec.kind, spec.location, split);
    framing_ = framing;
    const std::vector<std::string>& files = split == "train" ? layout.train_files : layout.test_files;
    const std::string folder = find_folder(spec.location, layout, files.front());
    class_names_ = read_class_names(folder + "/" + layout.names_file, layout);
    int64_t available = 0;
    for (const std::string& file : files)
      available += records_in(fmt::format("{}/{}", folder, file), layout, layout.official_records[split == "train" ? 0 : 1]);
    const int64_t wanted = options.has("seed") ? available : options.limit(available);  // with a seed, open_cifar() chooses
    labels_.reserve(static_cast<size_t>(wanted));
    pixels_.reserve(static_cast<size_t>(wanted * pixel_bytes));
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
  struct FirstOf {
    std::string name;
    int64_t first;
  };

  size_t checked(int64_t index) const {
    CHECK(index >= 0 && index < size(), "image {} of {}, which has {}", index, spec_, size());
    return static_cast<size_t>(index);
  }

  static std::string find_folder(const std::string& location, const Layout& layout, const std::string& file) {
    if (!is_folder(location))
      throw tensor::Error(fmt::format("{}: no such folder '{}'; name the one that holds {}", layout.title, printable(location), file));
    const std::string inner = location + "/" + layout.folder;
    if (is_file(location + "/" + file) || !is_folder(inner)) return location;
    return inner;
  }

  static int64_t records_in(const std::string& path, const Layout& layout, int64_t official) {
    if (!is_file(path))
      throw tensor::Error(fmt::format("{}: no file {}; expected the official binary version, unpacked", layout.title, path));
    const int64_t bytes = file_size(path), record = layout.record(), records = bytes / record;
    const std::string expected = fmt::format("the official file has {} records of {} bytes; unpack the archive again", official, record);
    if (bytes == 0) throw tensor::Error(fmt::format("{} is empty: {}", path, expected));
    if (bytes % record != 0)
      throw tensor::Error(
          fmt::format("{} has {} bytes, {} whole records and {} bytes over: {}", path, bytes, records, bytes % record, expected));
    if (records > most_records)
      throw tensor::Error(
          fmt::format("{} has {} bytes, {} records, more than any file of {}: {}", path, bytes, records, layout.title, expected));
    return records;
  }

  // Appends the file's records as rows of red green blue, until the set has `wanted` images.
  void read_records(const std::string& folder, const std::string& file, const Layout& layout, int64_t wanted) {
    const int64_t count = std::min(wanted - size(), file_size(folder + "/" + file) / layout.record());
    if (count <= 0) return;
    files_.push_back({file, size()});
    const std::vector<uint8_t> bytes = read_start(folder + "/" + file, count * layout.record());
    CHECK(static_cast<int64_t>(bytes.size()) == count * layout.record(), "{}/{} became shorter while it was read", folder, file);
    for (int64_t no = 0; no < count; ++no) {
      const uint8_t* record = bytes.data() + no * layout.record();
      const int64_t label = record[layout.label_bytes - 1];
      if (label >= layout.classes)
        throw tensor::Error(fmt::format("{}/{}: record {} has label {}, expected 0 to {}; the file is not {}'s, or damaged", folder, file,
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
  std::vector<FirstOf> files_;
};

std::unique_ptr<Dataset> open_cifar(const DataSpec& spec, const Framing& framing, const Layout& layout) {
  const Options options(spec, {"split", "limit", "seed"});
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
