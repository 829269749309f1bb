#include "nn/holdout.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "nn/text.h"
#include "tensor/philox.h"

namespace nn {
namespace {

std::string hash_of_names(const Dataset& data, const std::vector<int64_t>& ids) {
  TensorFile file;
  for (const int64_t id : ids) file.metadata["names"] += data.image_name(id) + "\n";
  return content_hash(file);
}

std::string value_of(const Checkpoint& checkpoint, const std::string& key) {
  const auto found = checkpoint.metadata.find(key);
  return found == checkpoint.metadata.end() ? "" : found->second;
}

}  // namespace

Split hold_out(const Dataset& data, double share, uint64_t seed) {
  CHECK(share >= 0 && share < 1, "a share of {} of the images cannot be held out; use 0 to below 1", share);
  std::vector<std::vector<std::pair<uint64_t, int64_t>>> classes(static_cast<size_t>(data.classes()));  // (draw, index)
  for (int64_t index = 0; index < data.size(); ++index) {
    const int64_t label = data.label(index);
    CHECK(label >= 0 && label < data.classes(), "{}: {} has no label; images are held out by their class", data.spec(),
          data.image_name(index));
    const auto words = tensor::philox(seed, tensor::Stream::holdout, tensor::counter_of(data.image_name(index)));
    classes[label].emplace_back(uint64_t{words[0]} << 32 | words[1], index);
  }
  Split split;
  for (auto& images : classes) {
    std::sort(images.begin(), images.end());
    const auto count = static_cast<size_t>(std::llround(share * static_cast<double>(images.size())));
    CHECK(count < images.size() || images.empty(),
          "holding out {:g} of {} leaves no image of a class with {} to train on; use a smaller share", share, data.spec(), images.size());
    for (size_t i = 0; i < images.size(); ++i) (i < count ? split.held_out : split.training).push_back(images[i].second);
  }
  std::sort(split.training.begin(), split.training.end());
  std::sort(split.held_out.begin(), split.held_out.end());
  return split;
}

void record_held_out(Checkpoint& checkpoint, const Dataset& data, const std::vector<int64_t>& held_out) {
  checkpoint.metadata["held_out_ids"] = joined(held_out, " ");
  checkpoint.metadata["held_out_of"] = data.spec();
  checkpoint.metadata["held_out_names"] = hash_of_names(data, held_out);
}

std::vector<int64_t> held_out_ids(const Checkpoint& checkpoint) {
  const std::string text = value_of(checkpoint, "held_out_ids");
  std::vector<int64_t> ids;
  for (const char *at = text.data(), *end = at + text.size(); at != end;) {
    int64_t id = -1;
    const auto [next, error] = std::from_chars(at, end, id);
    const bool blank = next != end && *next == ' ' && next + 1 != end;
    CHECK(error == std::errc() && (next == end || blank) && id >= 0 && (ids.empty() || id > ids.back()),
          "the model's held_out_ids are no list of rising numbers (number {}); it is damaged, or none of ours", ids.size() + 1);
    ids.push_back(id);
    at = blank ? next + 1 : next;
  }
  return ids;
}

std::unique_ptr<Dataset> held_out_images(const Checkpoint& checkpoint, std::shared_ptr<const Dataset> data) {
  const std::vector<int64_t> ids = held_out_ids(checkpoint);
  const bool fits = ids.empty() || ids.back() < data->size();
  CHECK(fits && hash_of_names(*data, ids) == value_of(checkpoint, "held_out_names"),
        "{} is not the set that the model was trained on ({}): its held-out images have other names; name the same images", data->spec(),
        printable(value_of(checkpoint, "held_out_of")));
  return subset(std::move(data), ids);
}

}  // namespace nn
