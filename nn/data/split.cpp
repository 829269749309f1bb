#include "nn/data/split.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "nn/text.h"
#include "tensor/philox.h"

namespace nn {
namespace {

struct Key {
  const char *name, *earlier;  ///< the key in the metadata, and in files of earlier versions
};
constexpr Key ids_key = {"val_ids", "held_out_ids"}, data_key = {"val_data", "held_out_of"}, names_key = {"val_names", "held_out_names"};

std::string value_of(const Checkpoint& checkpoint, const Key& key) {
  for (const char* name : {key.name, key.earlier})
    if (const auto found = checkpoint.metadata.find(name); found != checkpoint.metadata.end()) return found->second;
  return "";
}

std::string hash_of_names(const Dataset& data, const std::vector<int64_t>& ids) {
  TensorFile file;
  for (const int64_t id : ids) file.metadata["names"] += data.image_name(id) + "\n";
  return content_hash(file);
}

}  // namespace

Split split_by_class(const Dataset& data, double fraction, uint64_t seed) {
  CHECK(fraction >= 0 && fraction < 1, "validation fraction {}: expected a number in [0, 1)", fraction);
  std::vector<std::vector<std::pair<uint64_t, int64_t>>> classes(data.classes());  // (draw, index)
  for (int64_t index = 0; index < data.size(); ++index) {
    const int64_t label = data.label(index);
    CHECK(label >= 0 && label < data.classes(), "{}: {} has no label; the validation split is drawn per class", data.spec(),
          data.image_name(index));
    const auto words = tensor::philox(seed, tensor::Stream::validation, tensor::counter_of(data.image_name(index)));
    classes[label].emplace_back(uint64_t{words[0]} << 32 | words[1], index);
  }
  Split split;
  for (auto& images : classes) {
    std::sort(images.begin(), images.end());
    const auto count = static_cast<size_t>(std::llround(fraction * static_cast<double>(images.size())));
    CHECK(count < images.size() || images.empty(),
          "a validation fraction of {:g} of {} leaves no training image of a class with {}; use a smaller fraction", fraction, data.spec(),
          images.size());
    for (size_t i = 0; i < images.size(); ++i) (i < count ? split.validation : split.training).push_back(images[i].second);
  }
  std::sort(split.training.begin(), split.training.end());
  std::sort(split.validation.begin(), split.validation.end());
  return split;
}

void record_validation(Checkpoint& checkpoint, const Dataset& data, const std::vector<int64_t>& ids) {
  checkpoint.metadata[ids_key.name] = joined(ids, " ");
  checkpoint.metadata[data_key.name] = data.spec();
  checkpoint.metadata[names_key.name] = hash_of_names(data, ids);
}

void forget_validation(Checkpoint& checkpoint) {
  for (const Key& key : {ids_key, data_key, names_key}) {
    checkpoint.metadata.erase(key.name);
    checkpoint.metadata.erase(key.earlier);
  }
}

std::vector<int64_t> validation_ids(const Checkpoint& checkpoint) {
  const std::string text = value_of(checkpoint, ids_key);
  std::vector<int64_t> ids;
  for (const char *at = text.data(), *end = at + text.size(); at != end;) {
    int64_t id = -1;
    const auto [next, error] = std::from_chars(at, end, id);
    const bool blank = next != end && *next == ' ' && next + 1 != end;
    CHECK(error == std::errc() && (next == end || blank) && id >= 0 && (ids.empty() || id > ids.back()),
          "val_ids in the model's metadata: number {} is not an ascending index; the file is damaged", ids.size() + 1);
    ids.push_back(id);
    at = blank ? next + 1 : next;
  }
  return ids;
}

std::unique_ptr<Dataset> validation_images(const Checkpoint& checkpoint, std::shared_ptr<const Dataset> data) {
  const std::vector<int64_t> ids = validation_ids(checkpoint);
  const bool in_range = ids.empty() || ids.back() < data->size();
  CHECK(in_range && hash_of_names(*data, ids) == value_of(checkpoint, names_key),
        "{} is not the dataset the model was trained on ({}): its validation split has other image names; pass the same dataset",
        data->spec(), printable(value_of(checkpoint, data_key)));
  return subset(std::move(data), ids);
}

}  // namespace nn
