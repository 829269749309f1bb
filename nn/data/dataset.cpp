#include "nn/data/dataset.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <numeric>

#include "nn/data/readers.h"
#include "nn/text.h"
#include "tensor/check.h"
#include "tensor/philox.h"

namespace nn {
namespace {

struct Kind {
  const char* name;
  std::unique_ptr<Dataset> (*open)(const DataSpec& spec, const Framing& framing);
};
constexpr Kind kinds[] = {{"cifar10", open_cifar10}, {"cifar100", open_cifar100}, {"svhn", open_svhn},
                          {"folder", open_folder},   {"list", open_list},         {"synthetic", open_synthetic}};

std::string known_kinds() {
  std::vector<std::string> names;
  for (const Kind& kind : kinds) names.emplace_back(kind.name);
  return joined(names);
}

std::string name_of(const DataSpec& spec) { return printable(spec.kind + ":" + spec.location); }

class Subset : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices)
      : dataset_(std::move(dataset)), indices_(std::move(indices)) {
    class_names_ = dataset_->class_names();
    framing_ = dataset_->framing();
    spec_ = dataset_->spec();
    ignored_files_ = dataset_->ignored_files();
    cache_ = dataset_->cache();
    for (const int64_t index : indices_)
      CHECK(index >= 0 && index < dataset_->size(), "subset: {} has {} images, got index {}", spec_, dataset_->size(), index);
  }
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  int64_t label(int64_t index) const override { return dataset_->label(inner(index)); }
  std::string image_name(int64_t index) const override { return dataset_->image_name(inner(index)); }
  int64_t file_bytes(int64_t index) const override { return dataset_->file_bytes(inner(index)); }
  void read(int64_t index, uint8_t* pixels) const override { dataset_->read(inner(index), pixels); }

 private:
  int64_t inner(int64_t index) const {
    check_index(index);
    return indices_[index];
  }
  std::shared_ptr<const Dataset> dataset_;
  std::vector<int64_t> indices_;
};

}  // namespace

DataSpec parse_data_spec(const std::string& text) {
  DataSpec spec;
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0)
    throw tensor::Error(fmt::format("'{}' does not name a dataset: expected KIND:LOCATION, as in cifar10:DIR?split=test; kinds: {}",
                                    printable(text), known_kinds()));
  spec.kind = text.substr(0, colon);
  const size_t question = text.rfind('?');
  const bool has_options = question != std::string::npos && question > colon;
  spec.location = text.substr(colon + 1, has_options ? question - colon - 1 : std::string::npos);
  for (size_t at = has_options ? question + 1 : text.size(); at < text.size();) {
    const size_t end = std::min(text.find('&', at), text.size());
    const std::string option = text.substr(at, end - at);
    const size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == option.size())
      throw tensor::Error(fmt::format("dataset {}: '{}' is not an option, expected key=value", name_of(spec), printable(option)));
    spec.options.emplace_back(option.substr(0, equals), option.substr(equals + 1));
    at = end + 1;
  }
  return spec;
}

void Dataset::check_index(int64_t index) const {
  CHECK(index >= 0 && index < size(), "{} has {} images, got index {}", spec_, size(), index);
}

std::unique_ptr<Dataset> open_dataset(const std::string& text, const Framing& framing) {
  CHECK(framing.size >= 1 && framing.size <= 4096, "images of {0} x {0} pixels; expected an edge of 1 to 4096", framing.size);
  CHECK(framing.short_side == 0 || (framing.short_side >= framing.size && framing.short_side <= 8192),
        "a short side of {} pixels for crops of {}; expected {} to 8192", framing.short_side, framing.size, framing.size);
  const DataSpec spec = parse_data_spec(text);
  for (const Kind& kind : kinds)
    if (spec.kind == kind.name) return kind.open(spec, framing);
  throw tensor::Error(fmt::format("dataset {}: unknown kind '{}'; known: {}", name_of(spec), printable(spec.kind), known_kinds()));
}

std::unique_ptr<Dataset> subset(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices) {
  CHECK(dataset != nullptr, "subset: the dataset is null");
  return std::make_unique<Subset>(std::move(dataset), std::move(indices));
}

DataOptions::DataOptions(const DataSpec& spec, std::vector<std::string> known) : spec_(spec) {
  for (auto option = spec_.options.begin(); option != spec_.options.end(); ++option) {
    if (std::find(known.begin(), known.end(), option->first) == known.end())
      throw tensor::Error(
          fmt::format("dataset {}: unknown option '{}'; known: {}", name_of(spec_), printable(option->first), joined(known)));
    if (std::any_of(spec_.options.begin(), option, [&](const auto& earlier) { return earlier.first == option->first; }))
      throw tensor::Error(fmt::format("dataset {}: option '{}' occurs twice", name_of(spec_), option->first));
  }
}

const std::string* DataOptions::find(const std::string& key) const {
  for (const auto& [name, value] : spec_.options)
    if (name == key) return &value;
  return nullptr;
}

int64_t DataOptions::number(const std::string& key, int64_t fallback, int64_t min, int64_t max) const {
  const std::string* text = find(key);
  if (text == nullptr) return fallback;
  int64_t value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, fault] = std::from_chars(text->data(), end, value);
  if (fault != std::errc() || stop != end || value < min || value > max)
    throw tensor::Error(
        fmt::format("dataset {}: {}={}, expected an integer from {} to {}", name_of(spec_), key, printable(*text), min, max));
  return value;
}

std::string DataOptions::choice(const std::string& key, const std::vector<std::string>& choices) const {
  const std::string* text = find(key);
  if (text == nullptr) return choices.front();
  if (std::find(choices.begin(), choices.end(), *text) == choices.end())
    throw tensor::Error(fmt::format("dataset {}: {}={}, expected one of {}", name_of(spec_), key, printable(*text), joined(choices)));
  return *text;
}

std::string DataOptions::text(const std::string& key) const {
  const std::string* text = find(key);
  return text == nullptr ? "" : *text;
}

int64_t DataOptions::limit(int64_t size) const { return std::min(size, number("limit", size, 1, int64_t{1} << 40)); }

std::vector<int64_t> limited(const DataOptions& options, const std::vector<int64_t>& labels, const std::vector<std::string>& class_names,
                             Order order) {
  const auto size = static_cast<int64_t>(labels.size()), count = options.limit(size);
  const auto seed = static_cast<uint64_t>(options.number("seed", 1, 0, int64_t{1} << 62));
  std::vector<int64_t> chosen(count);
  std::iota(chosen.begin(), chosen.end(), int64_t{0});
  if (count == size || (order == Order::mixed && !options.has("seed"))) return chosen;

  std::vector<std::vector<int64_t>> members(class_names.size());
  std::vector<int64_t> unlabeled;
  for (int64_t index = 0; index < size; ++index) {
    const int64_t label = labels[index];
    (label < 0 ? unlabeled : members[label]).push_back(index);
  }
  if (!unlabeled.empty()) members.push_back(std::move(unlabeled));
  std::vector<std::vector<int64_t>> orders;  // of the images of each class, drawn with its name
  for (size_t no = 0; no < members.size(); ++no)
    orders.push_back(permutation(static_cast<int64_t>(members[no].size()), seed,
                                 tensor::counter_of("folder/" + (no < class_names.size() ? class_names[no] : ""))));
  const std::vector<int64_t> turns = permutation(static_cast<int64_t>(members.size()), seed, tensor::counter_of("folder"));
  chosen.clear();
  for (size_t round = 0; static_cast<int64_t>(chosen.size()) < count; ++round)
    for (const int64_t no : turns)
      if (round < members[no].size() && static_cast<int64_t>(chosen.size()) < count) chosen.push_back(members[no][orders[no][round]]);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void write_framed(const uint8_t* from, int64_t edge, const Framing& framing, uint8_t* to) {
  const int64_t bytes = edge * edge * 3;
  if (framing.size == edge && framing.short_side <= edge) {
    std::memcpy(to, from, bytes);
    return;
  }
  const Image image = framed({edge, edge, std::vector<uint8_t>(from, from + bytes)}, framing);
  std::memcpy(to, image.pixels.data(), image.pixels.size());
}

std::vector<int64_t> permutation(int64_t n, uint64_t seed, uint64_t counter) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t last = n - 1; last > 0; --last) {
    const auto words = tensor::philox(seed, tensor::Stream::shuffle, counter, static_cast<uint32_t>(last));
    std::swap(order[last], order[tensor::uniform_below(words[0], static_cast<uint32_t>(last + 1))]);
  }
  return order;
}

}  // namespace nn
