#include "mode/detectors/features.h"

#include <algorithm>
#include <cmath>

#include "nn/data/loader.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace mode {
namespace {

using tensor::Dtype;

// The first row of x (rows, ...) with a value that is not finite, or -1.
int64_t first_nonfinite_row(const Tensor& x) {
  const int64_t rows = x.dim(0), width = rows > 0 ? x.numel() / rows : 0;
  const float* data = x.data<float>();
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t at = 0; at < width; ++at)
      if (!std::isfinite(data[row * width + at])) return row;
  return -1;
}

// Copies `part` to the rows first .. of `whole`.
void copy_rows(const Tensor& part, int64_t first, Tensor& whole) {
  Tensor to = whole.rows(first, first + part.dim(0));
  CHECK(to.bytes() == part.bytes() && to.dtype() == part.dtype(), "extract_features: a batch gives {}, expected {} as the first batch gave",
        part.shape().to_string(), to.shape().to_string());
  std::copy_n(part.raw(), part.bytes(), to.raw());
}

}  // namespace

std::vector<Region> input_regions(const Features& features) {
  std::vector<Region> regions;
  if (features.map_height == 0 || features.map_width == 0 || features.input_size == 0) return regions;
  for (const Scale& scale : features.scales)
    regions.push_back(input_region(scale.rect, features.map_height, features.map_width, features.input_size));
  return regions;
}

void check_features(const Features& features, const std::string& what) {
  CHECK(features.labels.defined() && features.regions.defined() && features.logits.defined() && features.ids.defined(),
        "{}: features lack regions, logits, labels or ids; extract_features makes them all", what);
  const int64_t n = features.size();
  CHECK(n >= 1, "{}: no images; expected at least one", what);
  CHECK(features.regions.rank() == 3 && features.regions.dtype() == Dtype::f32 && features.regions.dim(0) == n &&
            features.regions.dim(1) == static_cast<int64_t>(features.scales.size()) && features.regions.dim(1) >= 1,
        "{}: expected regions ({}, {} scales, E) in f32, got {} in {}", what, n, features.scales.size(),
        features.regions.shape().to_string(), tensor::name(features.regions.dtype()));
  CHECK(features.logits.rank() == 2 && features.logits.dtype() == Dtype::f32 && features.logits.dim(0) == n && features.logits.dim(1) >= 1,
        "{}: expected logits ({}, classes) in f32, got {} in {}", what, n, features.logits.shape().to_string(),
        tensor::name(features.logits.dtype()));
  CHECK(features.labels.dtype() == Dtype::i64 && features.ids.dtype() == Dtype::i64 && features.ids.numel() == n,
        "{}: expected {} labels and ids in i64, got {} ids in {}", what, n, features.ids.numel(), tensor::name(features.ids.dtype()));
  CHECK(static_cast<int64_t>(features.image_names.size()) == n, "{}: {} images, but {} image names", what, n, features.image_names.size());
}

Features extract_features(nn::ResNet& net, const nn::Dataset& dataset, const nn::Preprocessing& preprocessing, int64_t batch,
                          const std::function<void(int64_t, int64_t)>& progress, const std::vector<std::string>& scale_sets) {
  const int64_t total = dataset.size();
  CHECK(total >= 1, "{}: the dataset is empty; expected at least one image", dataset.spec());
  CHECK(batch >= 1, "extract_features: batch = {}; expected at least 1", batch);
  const autograd::NoGrad no_grad;
  net.eval();
  const tensor::Device device = net.device();

  Features features;
  features.labels = Tensor({total}, Dtype::i64);
  features.ids = Tensor({total}, Dtype::i64);
  features.image_names.reserve(total);
  std::vector<tensor::ops::Rect> rects;
  nn::LoaderOptions options;
  options.batch = batch;
  options.shuffle = false;
  options.workers = 0;
  options.preprocessing = preprocessing;
  nn::Loader loader(dataset, options);
  int64_t done = 0;
  for (const nn::Batch& images : loader) {
    const nn::ResNetOutput output = net(images.images.to(device));
    const Tensor& feature_map = output.feature_map.value();
    const Tensor logits = output.logits.value().to({});
    if (done == 0) {
      features.scales = scales_of(scale_sets, feature_map.dim(1), feature_map.dim(2));
      CHECK(!features.scales.empty(),
            "the network's feature map of {} x {} is too small for the scale sets {}; take others or larger images", feature_map.dim(1),
            feature_map.dim(2), nn::joined(scale_sets));
      features.map_height = feature_map.dim(1);
      features.map_width = feature_map.dim(2);
      features.input_size = preprocessing.size;
      rects = rects_of(features.scales);
      features.regions = Tensor({total, static_cast<int64_t>(rects.size()), feature_map.dim(3)});
      features.logits = Tensor({total, logits.dim(1)});
    }
    const Tensor pooled = tensor::ops::region_pool(feature_map, rects).to({});
    for (int64_t at = 0; at < images.size(); ++at) features.image_names.push_back(dataset.image_name(done + at));
    for (const auto& [values, what] : {std::pair(&pooled, "feature"), std::pair(&logits, "logit")}) {
      const int64_t row = first_nonfinite_row(*values);
      CHECK(row < 0, "{}: image {} gives a {} that is not finite; the network's weights are broken or do not fit its normalization",
            dataset.spec(), features.image_names[done + row], what);
    }
    copy_rows(pooled, done, features.regions);
    copy_rows(logits, done, features.logits);
    copy_rows(images.labels, done, features.labels);
    copy_rows(images.ids, done, features.ids);
    done += images.size();
    if (progress) progress(done, total);
  }
  CHECK(done == total, "{}: the loader gave {} of {} images", dataset.spec(), done, total);
  return features;
}

}  // namespace mode
