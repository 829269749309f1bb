#pragma once
// Drawing for the synthetic datasets: random choices, outlines with antialiased edges, textures.
// Only + - * /, sqrt and floor in double or float, no sine of a library and no fused multiply-add: the bytes are the same on every machine.

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/philox.h"

#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")

namespace nn::synthetic {

/// The sequence of random numbers of one image.
class Rng {
 public:
  Rng(uint64_t seed, uint64_t image) : seed_(seed), image_(image) {}
  uint32_t word() {
    if (used_ == 4) {
      words_ = tensor::philox(seed_, tensor::Stream::synthetic, image_, block_++);
      used_ = 0;
    }
    return words_[used_++];
  }
  double between(double low, double high) { return low + (high - low) * static_cast<double>(tensor::uniform(word())); }
  int below(int n) { return static_cast<int>(tensor::uniform_below(word(), static_cast<uint32_t>(n))); }
  bool chance(double probability) { return between(0, 1) < probability; }

 private:
  uint64_t seed_, image_;
  uint32_t block_ = 0;
  int used_ = 4;
  std::array<uint32_t, 4> words_{};
};

struct Point {
  double x, y;
};
using Contour = std::vector<Point>;
/// Closed contours with the even-odd fill rule: the inner contour of a ring is its hole.
using Outline = std::vector<Contour>;

/// (cos, sin) of 2 pi turns.
Point on_circle(double turns);
/// An arc from turn `first` to turn `last`, both included.
Contour arc(Point center, double radius, double first, double last, int points);
/// A rectangle of that width around the segment from a to b.
Contour bar(Point a, Point b, double width);
/// A polyline of that width with round joints, as one outline per piece, to be drawn in order.
std::vector<Outline> stroke(const Contour& line, double width);

/// x -> center + rotation(turns) diag(stretch_x, stretch_y) x.
struct Placement {
  Point center;
  double stretch_x, stretch_y, turns;
};
Outline placed(const Outline& outline, const Placement& placement);

using Color = std::array<float, 3>;  // 0 .. 1
/// Channels each in [low, high).
Color random_color(Rng& rng, double low = 0, double high = 1);
/// Sum of the channels' absolute differences, 0 .. 3.
float distance(const Color& a, const Color& b);
/// A random color at a distance of at least `apart` from `other`, or the most distant of eight random colors.
Color color_apart_from(const Color& other, float apart, Rng& rng, double low = 0, double high = 1);
/// a + (b - a) part.
Color mixed(const Color& a, const Color& b, float part);

/// A pattern of two colors over the unit square.
class Texture {
 public:
  enum class Kind { plain, slope, stripes, checks, dots, rings, patches };
  static constexpr int kinds = 7;
  Texture(Kind kind, const Color& a, const Color& b, Rng& rng);
  /// A texture of random kind.
  Texture(const Color& a, const Color& b, Rng& rng) : Texture(static_cast<Kind>(rng.below(kinds)), a, b, rng) {}
  Color at(float x, float y) const;

 private:
  float mixture(float x, float y) const;

  Kind kind_;
  Color a_, change_;
  float cos_, sin_, frequency_, phase_, width_;
  std::array<float, 64> lattice_{};  // 8 x 8 random numbers, tiled
};

/// A square image with colors in 0 .. 1.
class Canvas {
 public:
  explicit Canvas(int64_t size) : size_(size), pixels_(size * size), coverage_(size) {}
  int64_t size() const { return size_; }
  Color& at(int64_t row, int64_t column) { return pixels_[row * size_ + column]; }
  void fill(const Texture& texture);
  /// Blends the texture into the pixels that the outline covers, by coverage x opacity. Outline coordinates are in units of the image edge.
  /// Coverage is exact along a row and sampled four times across it.
  void draw(const Outline& outline, const Texture& texture, float opacity = 1);
  /// Adds uniform noise in +- amplitude to every channel and rounds to bytes.
  void write(uint8_t* bytes, float amplitude, Rng& rng) const;

 private:
  int64_t size_;
  std::vector<Color> pixels_;
  std::vector<float> coverage_;  // of one row
};

/// Outlines within about the unit circle around (0, 0); defined in synthetic.cpp.
struct NamedOutline {
  std::string name;
  Outline outline;
};
/// The classes of the ID dataset, in the order of their labels.
const std::vector<NamedOutline>& known_outlines();
/// Outlines of no class, for the near-OOD dataset.
const std::vector<NamedOutline>& unseen_outlines();

}  // namespace nn::synthetic

#pragma GCC pop_options
