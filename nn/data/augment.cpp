#include "nn/data/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "nn/data/resize.h"
#include "nn/text.h"
#include "tensor/check.h"
#include "tensor/philox.h"

namespace nn {
namespace {

/// The purpose of a random number; each has four words of its own. The values decide the results of a run and must not change.
enum class Draw : uint64_t { crop_flip = 0, first_try = 1, color = 11, factors = 12 };
constexpr int max_attempts = 10;

std::array<uint32_t, 4> words(const AugmentKey& key, Draw draw, int index = 0) {
  const uint64_t counter = static_cast<uint64_t>(key.image) | static_cast<uint64_t>(key.view) << 40 |
                           (static_cast<uint64_t>(draw) + static_cast<uint64_t>(index)) << 48;
  return tensor::philox(key.seed, tensor::Stream::augment, counter, static_cast<uint32_t>(key.epoch));
}

struct Box {
  int64_t top, left, height, width;
};

/// Output (row, column) is input (row + top, column + left), or 0 outside the input.
void shift(const uint8_t* from, int64_t from_size, uint8_t* to, int64_t size, int64_t top, int64_t left) {
  const int64_t first = std::clamp<int64_t>(-left, 0, size), last = std::clamp<int64_t>(from_size - left, first, size);
  for (int64_t row = 0; row < size; ++row) {
    uint8_t* out = to + row * size * 3;
    const int64_t source = row + top;
    if (source < 0 || source >= from_size) {
      std::memset(out, 0, size * 3);
      continue;
    }
    std::memset(out, 0, first * 3);
    if (last > first) std::memcpy(out + first * 3, from + (source * from_size + first + left) * 3, (last - first) * 3);
    std::memset(out + last * 3, 0, (size - last) * 3);
  }
}

void crop_padded(const uint8_t* from, int64_t from_size, uint8_t* to, int64_t size, int64_t pad, const std::array<uint32_t, 4>& draw) {
  const auto places = static_cast<uint32_t>(from_size - size + 2 * pad + 1);
  const int64_t top = static_cast<int64_t>(tensor::uniform_below(draw[0], places)) - pad;
  const int64_t left = static_cast<int64_t>(tensor::uniform_below(draw[1], places)) - pad;
  shift(from, from_size, to, size, top, left);
}

/// RandomResizedCrop.get_params of torchvision. After ten boxes that exceed the image: the center crop of the nearest allowed ratio.
Box random_box(int64_t edge, const AugmentOptions& options, const AugmentKey& key) {
  const double area = static_cast<double>(edge * edge), low = std::log(options.ratio[0]), high = std::log(options.ratio[1]);
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    const auto draw = words(key, Draw::first_try, attempt);
    const double target = area * (options.least_area + (1 - options.least_area) * static_cast<double>(tensor::uniform(draw[0])));
    const double ratio = std::exp(low + (high - low) * static_cast<double>(tensor::uniform(draw[1])));
    const auto width = static_cast<int64_t>(std::nearbyint(std::sqrt(target * ratio)));
    const auto height = static_cast<int64_t>(std::nearbyint(std::sqrt(target / ratio)));
    if (width < 1 || height < 1 || width > edge || height > edge) continue;
    return {static_cast<int64_t>(tensor::uniform_below(draw[2], static_cast<uint32_t>(edge - height + 1))),
            static_cast<int64_t>(tensor::uniform_below(draw[3], static_cast<uint32_t>(edge - width + 1))), height, width};
  }
  const double ratio = std::clamp(1.0, options.ratio[0], options.ratio[1]);  // the image is square, ratio 1
  const int64_t width = std::min(edge, static_cast<int64_t>(std::nearbyint(static_cast<double>(edge) * ratio)));
  const int64_t height = std::min(edge, static_cast<int64_t>(std::nearbyint(static_cast<double>(edge) / ratio)));
  return {(edge - height) / 2, (edge - width) / 2, height, width};
}

void crop_resized(const uint8_t* from, int64_t from_size, uint8_t* to, int64_t size, const Box& box) {
  Image part{box.height, box.width, std::vector<uint8_t>(box.height * box.width * 3)};
  for (int64_t row = 0; row < box.height; ++row)
    std::memcpy(part.pixels.data() + row * box.width * 3, from + ((box.top + row) * from_size + box.left) * 3, box.width * 3);
  const Image resized = resize(part, size, size);
  std::memcpy(to, resized.pixels.data(), resized.pixels.size());
}

void flip(uint8_t* pixels, int64_t size) {
  for (int64_t row = 0; row < size; ++row, pixels += size * 3)
    for (int64_t a = 0, b = size - 1; a < b; ++a, --b)
      for (int64_t channel = 0; channel < 3; ++channel) std::swap(pixels[3 * a + channel], pixels[3 * b + channel]);
}

void jitter_colors(uint8_t* pixels, int64_t count, const AugmentOptions& options, const AugmentKey& key, uint32_t order_word) {
  const auto draw = words(key, Draw::factors);
  const auto between = [](uint32_t word, double low, double high) {
    return static_cast<float>(low + (high - low) * static_cast<double>(tensor::uniform(word)));
  };
  const auto factor = [&](uint32_t word, double strength) { return between(word, std::max(0.0, 1 - strength), 1 + strength); };
  std::array<int, 4> order = {0, 1, 2, 3};
  uint32_t permutation = tensor::uniform_below(order_word, 24);
  for (uint32_t left = 4; left > 1; permutation /= left, --left) std::swap(order[left - 1], order[permutation % left]);
  for (const int change : order) {
    if (change == 0 && options.brightness > 0) change_brightness(pixels, count, factor(draw[0], options.brightness));
    if (change == 1 && options.contrast > 0) change_contrast(pixels, count, factor(draw[1], options.contrast));
    if (change == 2 && options.saturation > 0) change_saturation(pixels, count, factor(draw[2], options.saturation));
    if (change == 3 && options.hue > 0) change_hue(pixels, count, between(draw[3], -options.hue, options.hue));
  }
}

void check_options(const AugmentOptions& o) {
  CHECK(o.pad >= 0 && o.pad <= 4096, "augmentation: padding of {} pixels; use 0 to 4096", o.pad);
  CHECK(o.least_area >= 0 && o.least_area <= 1 && (o.least_area == 0 || o.pad == 0),
        "augmentation: crops of at least {} of the area and padding of {}; use one of the two, the fraction within 0 .. 1", o.least_area,
        o.pad);
  CHECK(o.ratio[0] > 0 && o.ratio[1] >= o.ratio[0] && std::isfinite(o.ratio[1]), "augmentation: aspect ratio {} to {}; use 0 < low <= high",
        o.ratio[0], o.ratio[1]);
  for (const double probability : {o.flip, o.jitter, o.gray})
    CHECK(probability >= 0 && probability <= 1, "augmentation: probability {}; use 0 to 1", probability);
  for (const double strength : {o.brightness, o.contrast, o.saturation})
    CHECK(strength >= 0 && strength <= 100, "augmentation: color factor 1 +- {}; use 0 to 100", strength);
  CHECK(o.hue >= 0 && o.hue <= 0.5, "augmentation: hue rotation of up to {} turns; use 0 to 0.5", o.hue);
}

}  // namespace

Augment make_augment(const AugmentOptions& options) {
  check_options(options);
  return [options](const uint8_t* from, int64_t from_size, uint8_t* to, int64_t size, const AugmentKey& key) {
    const auto happens = [](uint32_t word, double probability) { return static_cast<double>(tensor::uniform(word)) >= 1 - probability; };
    CHECK(key.image >= 0 && key.image < int64_t{1} << 40 && key.view >= 0 && key.view < 256,
          "augmentation: view {} of image {}, expected a view below 256 and an image below 2^40", key.view, key.image);
    const auto draw = words(key, Draw::crop_flip);
    if (options.least_area > 0) {
      crop_resized(from, from_size, to, size, random_box(from_size, options, key));
    } else {
      CHECK(from_size + 2 * options.pad >= size,
            "augmentation: a crop of {0} x {0} from {1} x {1} pixels with padding of {2}; increase the padding or the image size", size,
            from_size, options.pad);
      crop_padded(from, from_size, to, size, options.pad, draw);
    }
    if (happens(draw[2], options.flip)) flip(to, size);
    if (options.jitter == 0 && options.gray == 0) return;
    const auto color = words(key, Draw::color);
    if (happens(color[0], options.jitter)) jitter_colors(to, size * size, options, key, color[2]);
    if (happens(color[1], options.gray)) make_gray(to, size * size);
  };
}

Augment crop_and_flip(int64_t pad) { return make_augment({.pad = pad, .flip = 0.5}); }

Augment augment_by_name(const std::string& name) {
  if (name == "none") return {};
  if (name == "crop-flip") return crop_and_flip();
  if (name == "contrastive")
    return make_augment(
        {.least_area = 0.2, .flip = 0.5, .jitter = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1, .gray = 0.2});
  if (name == "imagenet") return make_augment({.least_area = 0.08, .flip = 0.5});
  throw tensor::Error(fmt::format("unknown augmentation '{}'; known: {}", printable(name), joined(known_augments())));
}

const std::vector<std::string>& known_augments() {
  static const std::vector<std::string> names = {"none", "crop-flip", "contrastive", "imagenet"};
  return names;
}

}  // namespace nn
