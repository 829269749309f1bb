#include "mode/training/objective.h"

#include <cmath>

#include "nn/layers.h"

namespace mode {
namespace {

using Base = BaseLoss;

/// groups (N) -> (V N), repeated for each view.
Tensor repeated(const std::vector<int64_t>& numbers, int64_t views, tensor::Device device) {
  std::vector<int64_t> all;
  all.reserve(numbers.size() * static_cast<size_t>(views));
  for (int64_t view = 0; view < views; ++view) all.insert(all.end(), numbers.begin(), numbers.end());
  const auto rows = static_cast<int64_t>(all.size());
  return Tensor::from(all, tensor::Shape{rows}, device);
}

std::vector<int64_t> integers(const Tensor& labels) {
  const Tensor here = labels.to({});
  return {here.data<int64_t>(), here.data<int64_t>() + here.numel()};
}

std::vector<int64_t> counted(int64_t n) {
  std::vector<int64_t> numbers(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) numbers[i] = i;
  return numbers;
}

}  // namespace

const std::vector<std::pair<std::string, BaseLoss>>& base_losses() {
  static const std::vector<std::pair<std::string, BaseLoss>> names = {
      {"ce", Base::cross_entropy}, {"supcon", Base::supcon}, {"simclr", Base::simclr}, {"none", Base::none}};
  return names;
}

ProjectionHead::ProjectionHead(int64_t embedding, int64_t width) : first_(embedding, embedding), second_(embedding, width) {
  register_module("0", &first_);
  register_module("2", &second_);
}

Variable ProjectionHead::operator()(const Variable& features) const {
  return autograd::l2_normalize(second_(autograd::relu(first_(features))));
}

Objective::Objective(const ObjectiveOptions& options, int64_t embedding) : options_(options) {
  CHECK(std::isfinite(options.alpa_weight) && options.alpa_weight >= 0, "objective: alpa_weight {}, expected a finite number >= 0",
        options.alpa_weight);
  CHECK(options.base != Base::none || options.alpa_weight > 0, "objective: neither a base loss nor ALPA; nothing would be learned");
  if (is_contrastive(options.base)) {
    head_ = std::make_unique<ProjectionHead>(embedding, options.projection);
    register_module("head", head_.get());
  }
  if (options.alpa_weight > 0) {
    alpa_ = std::make_unique<AlpaHeads>(embedding, options.alpa_width);
    register_module("alpa", alpa_.get());
  }
}

Objective::Result Objective::operator()(const nn::ResNetOutput& output, const Tensor& labels, int64_t views) const {
  const int64_t images = labels.numel();
  CHECK(views >= 1 && output.features.shape()[0] == views * images, "objective: {} rows of {} labels in {} views",
        output.features.shape()[0], images, views);
  const tensor::Device device = output.features.value().device();
  const Tensor of_label = repeated(integers(labels), views, device), of_image = repeated(counted(images), views, device);
  Result result;
  const auto add = [&](const char* name, const Variable& loss, double weight) {
    result.terms.emplace_back(name, loss.value().item());
    const Variable weighted = weight == 1 ? loss : autograd::scale(loss, weight);
    result.total = result.total.defined() ? result.total + weighted : weighted;
  };
  switch (options_.base) {
    case Base::none:
      break;
    case Base::cross_entropy:
      add("cross_entropy", nn::cross_entropy(output.logits, of_label, options_.label_smoothing), 1);
      break;
    case Base::supcon:
      add("supcon", nn::supcon((*head_)(output.features), of_label, options_.contrastive), 1);
      break;
    case Base::simclr:
      add("simclr", nn::simclr((*head_)(output.features), views, options_.contrastive), 1);
      break;
  }
  if (alpa_)
    add("alpa", alpa_loss(*alpa_, output.feature_map, options_.alpa_by_image ? of_image : of_label, options_.alpa), options_.alpa_weight);
  return result;
}

}  // namespace mode
