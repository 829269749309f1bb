#include "nn/data/resize.h"

#include <algorithm>
#include <cmath>

#include "tensor/check.h"

// The weights must round equally on every machine: a fused multiply-add would change some of them by one.
#pragma GCC optimize("fp-contract=off")

namespace nn {
namespace {

// 8 bits for the pixel, 2 for headroom and the rest for the weight: sums stay below 2^31.
constexpr int weight_bits = 32 - 8 - 2;

/// One output position: the sum over input positions start .. start + count with weights[first .. first + count).
struct Span {
  int64_t start, count, first;
};
struct Axis {
  std::vector<Span> spans;
  std::vector<int32_t> weights;
};

// Output i is a triangle filter of half width s = max(1, in/out) around c = (i + 1/2) * in/out:
// w_j = max(0, 1 - |j + 1/2 - c| / s), normalized to sum 1 and rounded to weight_bits.
Axis make_axis(int64_t in, int64_t out) {
  Axis axis;
  const double scale = static_cast<double>(in) / static_cast<double>(out), half_width = std::max(1.0, scale);
  const double inverse = 1.0 / half_width;
  std::vector<double> triangle;
  for (int64_t i = 0; i < out; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t begin = std::max<int64_t>(0, static_cast<int64_t>(std::floor(center - half_width + 0.5)));
    const int64_t end = std::min(in, static_cast<int64_t>(std::floor(center + half_width + 0.5)));
    triangle.clear();
    double sum = 0;
    for (int64_t j = begin; j < end; ++j) {
      const double distance = std::fabs((static_cast<double>(j) - center + 0.5) * inverse);
      triangle.push_back(distance < 1 ? 1 - distance : 0);
      sum += triangle.back();
    }
    axis.spans.push_back({begin, end - begin, static_cast<int64_t>(axis.weights.size())});
    for (const double weight : triangle)
      axis.weights.push_back(static_cast<int32_t>(std::floor((sum != 0 ? weight / sum : weight) * (1 << weight_bits) + 0.5)));
  }
  return axis;
}

uint8_t rounded(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> weight_bits, 0, 255)); }

Image resize_columns(const Image& in, int64_t width) {
  const Axis axis = make_axis(in.width, width);
  Image out{in.height, width, std::vector<uint8_t>(in.height * width * 3)};
  uint8_t* to = out.pixels.data();
  for (int64_t row = 0; row < in.height; ++row) {
    const uint8_t* from_row = in.pixels.data() + row * in.width * 3;
    for (const Span& span : axis.spans) {
      const int32_t* weights = axis.weights.data() + span.first;
      const uint8_t* from = from_row + span.start * 3;
      int32_t red = 1 << (weight_bits - 1), green = red, blue = red;
      for (int64_t j = 0; j < span.count; ++j, from += 3) {
        red += weights[j] * from[0];
        green += weights[j] * from[1];
        blue += weights[j] * from[2];
      }
      *to++ = rounded(red);
      *to++ = rounded(green);
      *to++ = rounded(blue);
    }
  }
  return out;
}

Image resize_rows(const Image& in, int64_t height) {
  const Axis axis = make_axis(in.height, height);
  const int64_t row_bytes = in.width * 3;
  Image out{height, in.width, std::vector<uint8_t>(height * row_bytes)};
  std::vector<int32_t> sums(row_bytes);
  for (int64_t row = 0; row < height; ++row) {
    const Span& span = axis.spans[row];
    std::fill(sums.begin(), sums.end(), 1 << (weight_bits - 1));
    for (int64_t j = 0; j < span.count; ++j) {
      const int32_t weight = axis.weights[span.first + j];
      const uint8_t* from = in.pixels.data() + (span.start + j) * row_bytes;
      for (int64_t at = 0; at < row_bytes; ++at) sums[at] += weight * from[at];
    }
    uint8_t* to = out.pixels.data() + row * row_bytes;
    for (int64_t at = 0; at < row_bytes; ++at) to[at] = rounded(sums[at]);
  }
  return out;
}

}  // namespace

Image resize(const Image& image, int64_t height, int64_t width) {
  CHECK(image.height >= 1 && image.width >= 1 && static_cast<int64_t>(image.pixels.size()) == image.height * image.width * 3,
        "resize: the image has {} x {} pixels and {} bytes, expected height x width x 3 bytes and no size of 0", image.height, image.width,
        image.pixels.size());
  CHECK(height >= 1 && width >= 1, "resize: target of {} x {} pixels, expected at least 1 x 1", height, width);
  if (width == image.width) return height == image.height ? image : resize_rows(image, height);
  const Image narrow = resize_columns(image, width);
  return height == image.height ? narrow : resize_rows(narrow, height);
}

namespace {

// The bound includes the result of the first pass, which still has all rows: a narrow image of 100 million rows would become wide.
Image resize_bounded(const Image& image, int64_t height, int64_t width) {
  if (std::max(image.height, height) > max_resized_pixels / width)
    throw tensor::Error(fmt::format("the image has {} x {} pixels (height x width), too elongated to resize it to {} x {}; crop the image",
                                    image.height, image.width, height, width));
  return resize(image, height, width);
}

}  // namespace

Image framed(const Image& image, const Framing& framing) {
  if (framing.crop == Crop::squash) return resize_bounded(image, framing.size, framing.size);
  const int64_t size = framing.size, short_side = framing.short_side == 0 ? size : framing.short_side;
  CHECK(short_side >= size, "a crop of {0} x {0} pixels from a short side of {1}; use a short side of at least {0}", size, short_side);
  const bool upright = image.height > image.width;
  const int64_t long_side = short_side * (upright ? image.height : image.width) / (upright ? image.width : image.height);
  const Image resized = upright ? resize_bounded(image, long_side, short_side) : resize_bounded(image, short_side, long_side);
  // Rounds half to even, as Python does.
  const auto margin = [&](int64_t extent) { return static_cast<int64_t>(std::nearbyint(static_cast<double>(extent - size) / 2)); };
  const int64_t top = margin(resized.height), left = margin(resized.width);
  Image out{size, size, std::vector<uint8_t>(size * size * 3)};
  for (int64_t row = 0; row < size; ++row)
    std::copy_n(resized.pixels.begin() + ((top + row) * resized.width + left) * 3, size * 3, out.pixels.begin() + row * size * 3);
  return out;
}

const std::vector<std::pair<std::string, Crop>>& crop_names() {
  static const std::vector<std::pair<std::string, Crop>> names = {{"squash", Crop::squash},
                                                                  {"center", Crop::center},
                                                                  {"centre", Crop::center},
                                                                  {"whole picture", Crop::squash}};  // the last two: earlier files
  return names;
}

}  // namespace nn
