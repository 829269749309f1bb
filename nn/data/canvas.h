#pragma once
// Drawing for the synthetic set: random choices, outlines with antialiased edges, textures. Only + - * / and floor in double or float,
// never a library's sine and never a fused multiply-add: the same bytes on every machine.

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tensor/philox.h"

#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")

namespace nn::synthetic {

/// The random numbers of one image, one after the other.
class Dice {
 public:
  Dice(uint64_t seed, uint64_t image) : seed_(seed), image_(image) {}
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
/// Closed contours, filled where a ray crosses them an odd number of times: the inner one of a ring is its hole.
using Outline = std::vector<Contour>;

/// (cos, sin) of 2 pi turns.
Point on_circle(double turns);
/// Points first .. last (both included) of an arc, in turns.
Contour arc(Point center, double radius, double first, double last, int points);
/// A line of that width from a to b.
Contour bar(Point a, Point b, double width);
/// A polyline of that width with round joints, as one outline per piece (to be drawn one after the other).
std::vector<Outline> stroke(const Contour& line, double width);

/// x -> center + rotation(turns) diag(stretch_x, stretch_y) x.
struct Placement {
  Point center;
  double stretch_x, stretch_y, turns;
};
Outline placed(const Outline& outline, const Placement& placement);

using Color = std::array<float, 3>;  // 0 .. 1
/// Channels each in [low, high).
Color random_color(Dice& dice, double low = 0, double high = 1);
/// Sum of the channels' absolute differences, 0 .. 3.
float distance(const Color& a, const Color& b);
/// Random, at least `apart` from the other (or the farthest of eight tries).
Color color_apart_from(const Color& other, float apart, Dice& dice, double low = 0, double high = 1);
/// a + (b - a) part.
Color mixed(const Color& a, const Color& b, float part);

/// A pattern over the unit square that mixes two colors.
class Texture {
 public:
  enum class Kind { plain, slope, stripes, checks, dots, rings, patches };
  static constexpr int kinds = 7;
  Texture(Kind kind, const Color& a, const Color& b, Dice& dice);
  /// A random kind.
  Texture(const Color& a, const Color& b, Dice& dice) : Texture(static_cast<Kind>(dice.below(kinds)), a, b, dice) {}
  Color at(float x, float y) const;

 private:
  float mixture(float x, float y) const;

  Kind kind_;
  Color a_, change_;
  float cos_, sin_, frequency_, phase_, width_;
  std::array<float, 64> lattice_{};  // 8 x 8 random numbers, repeated
};

/// A square image in colors 0 .. 1.
class Canvas {
 public:
  explicit Canvas(int64_t size) : size_(size), pixels_(static_cast<size_t>(size * size)), coverage_(static_cast<size_t>(size)) {}
  int64_t size() const { return size_; }
  Color& at(int64_t row, int64_t column) { return pixels_[row * size_ + column]; }
  void fill(const Texture& texture);
  /// Where the outline (in units of the image's edge) covers a pixel, `opacity` of the texture replaces what was there. Coverage is exact
  /// along rows and sampled four times across them.
  void draw(const Outline& outline, const Texture& texture, float opacity = 1);
  /// Adds an even random number in +- amplitude to every channel and rounds to bytes.
  void write(uint8_t* bytes, float amplitude, Dice& dice) const;

 private:
  int64_t size_;
  std::vector<Color> pixels_;
  std::vector<float> coverage_;  // of one row
};

}  // namespace nn::synthetic

#pragma GCC pop_options
