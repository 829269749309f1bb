#include "mode/detectors/features.h"

#include <algorithm>
#include <cmath>

#include "nn/data/loader.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace mode {
namespace {

using tensor::Dtype;

// The first row of x (rows, ...) that holds a number which is not finite, or -1.
int64_t first_bad_row(const Tensor& x) {
  const int64_t rows = x.dim(0), width = rows > 0 ? x.numel() / rows : 0;
  const float* data = x.data<float>();
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t at = 0; at < width; ++at)
      if (!std::isfinite(data[row * width + at])) return row;
  return -1;
}

// rows first .. of `whole` become those of `part`.
void copy_rows(const Tensor& part, int64_t first, Tensor& whole) {
  Tensor place = whole.rows(first, first + part.dim(0));
  CHECK(place.bytes() == part.bytes() && place.dtype() == part.dtype(), "a batch gives {}, the first gave {}", part.shape().to_string(),
        place.shape().to_string());
  std::copy_n(part.raw(), part.bytes(), place.raw());
}

}  // namespace

std::vector<tensor::ops::Rect> boxes_of(const Features& features) {
  std::vector<tensor::ops::Rect> boxes;
  if (features.map_height == 0 || features.map_width == 0 || features.input_size == 0) return boxes;
  for (const Scale& scale : features.scales)
    boxes.push_back(in_pixels(scale.region, features.map_height, features.map_width, features.input_size));
  return boxes;
}

void check_features(const Features& features, const std::string& what) {
  CHECK(features.labels.defined() && features.regions.defined() && features.logits.defined() && features.ids.defined(),
        "{}: features without regions, logits, labels or ids", what);
  const int64_t n = features.size();
  CHECK(n >= 1, "{}: no images", what);
  CHECK(features.regions.rank() == 3 && features.regions.dtype() == Dtype::f32 && features.regions.dim(0) == n &&
            features.regions.dim(1) == static_cast<int64_t>(features.scales.size()) && features.regions.dim(1) >= 1,
        "{}: expected regions ({}, {} scales, E) in f32, got {} in {}", what, n, features.scales.size(),
        features.regions.shape().to_string(), tensor::name(features.regions.dtype()));
  CHECK(features.logits.rank() == 2 && features.logits.dtype() == Dtype::f32 && features.logits.dim(0) == n && features.logits.dim(1) >= 1,
        "{}: expected logits ({}, classes) in f32, got {} in {}", what, n, features.logits.shape().to_string(),
        tensor::name(features.logits.dtype()));
  CHECK(features.labels.dtype() == Dtype::i64 && features.ids.dtype() == Dtype::i64 && features.ids.numel() == n,
        "{}: expected {} labels and as many ids in i64", what, n);
  CHECK(static_cast<int64_t>(features.image_names.size()) == n, "{}: {} images, but {} image names", what, n, features.image_names.size());
}

Features extract_features(nn::ResNet& net, const nn::Dataset& dataset, const nn::Preprocessing& preprocessing, int64_t batch,
                          const std::function<void(int64_t, int64_t)>& progress, const std::vector<std::string>& scale_sets) {
  const int64_t total = dataset.size();
  CHECK(total >= 1, "{}: the set is empty; there is nothing to extract", dataset.spec());
  CHECK(batch >= 1, "a batch of {} images; expected at least 1", batch);
  const autograd::NoGrad no_grad;
  net.eval();
  const tensor::Device device = net.device();

  Features features;
  features.labels = Tensor({total}, Dtype::i64);
  features.ids = Tensor({total}, Dtype::i64);
  features.image_names.reserve(static_cast<size_t>(total));
  std::vector<tensor::ops::Rect> regions;
  nn::LoaderOptions options;
  options.batch = batch;
  options.shuffle = false;
  options.workers = 0;
  options.preprocessing = preprocessing;
  nn::Loader loader(dataset, options);
  int64_t done = 0;
  for (const nn::Batch& images : loader) {
    const nn::ResNetOutput output = net(images.images.to(device));
    const Tensor& map = output.feature_map.value();
    const Tensor logits = output.logits.value().to({});
    if (done == 0) {
      features.scales = scales_of(scale_sets, map.dim(1), map.dim(2));
      CHECK(!features.scales.empty(), "the network's map of {} x {} is too small for any of the scales {}", map.dim(1), map.dim(2),
            nn::joined(scale_sets));
      features.map_height = map.dim(1);
      features.map_width = map.dim(2);
      features.input_size = preprocessing.size;
      regions = regions_of(features.scales);
      features.regions = Tensor({total, static_cast<int64_t>(regions.size()), map.dim(3)});
      features.logits = Tensor({total, logits.dim(1)});
    }
    const Tensor pooled = tensor::ops::region_pool(map, regions).to({});
    for (int64_t at = 0; at < images.size(); ++at) features.image_names.push_back(dataset.image_name(done + at));
    for (const auto& [values, what] : {std::pair(&pooled, "feature"), std::pair(&logits, "logit")}) {
      const int64_t bad = first_bad_row(*values);
      CHECK(bad < 0, "{}: image {} gives a {} that is not finite; the network's weights are broken or do not fit its normalization",
            dataset.spec(), features.image_names[done + bad], what);
    }
    copy_rows(pooled, done, features.regions);
    copy_rows(logits, done, features.logits);
    copy_rows(images.labels, done, features.labels);
    copy_rows(images.ids, done, features.ids);
    done += images.size();
    if (progress) progress(done, total);
  }
  CHECK(done == total, "{}: {} of {} images came", dataset.spec(), done, total);
  return features;
}

}  // namespace mode
