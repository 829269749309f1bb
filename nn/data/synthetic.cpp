// A procedural dataset: textured objects of ten shapes on cluttered backgrounds, and out-of-distribution datasets.
// Every image is a function of (name, split, seed, index).

#include <algorithm>

#include "nn/data/canvas.h"
#include "nn/data/image_cache.h"
#include "nn/data/readers.h"
#include "nn/text.h"
#include "tensor/check.h"

#pragma GCC optimize("fp-contract=off")

namespace nn::synthetic {
namespace {

Contour joined_contours(Contour first, const Contour& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Contour circle(Point center, double radius, int points) { return arc(center, radius, 0, 1 - 1.0 / points, points); }

/// Corners alternate between the unit circle and the inner circle.
Contour star(int spikes, double inner) {
  Contour contour;
  for (int i = 0; i < 2 * spikes; ++i) {
    const Point direction = on_circle(0.5 * i / spikes);
    const double radius = i % 2 == 0 ? 1 : inner;
    contour.push_back({radius * direction.x, radius * direction.y});
  }
  return contour;
}

}  // namespace

const std::vector<NamedOutline>& known_outlines() {
  static const std::vector<NamedOutline> outlines = {
      {"disc", {circle({0, 0}, 0.9, 32)}},
      {"square", {{{-0.8, -0.8}, {0.8, -0.8}, {0.8, 0.8}, {-0.8, 0.8}}}},
      {"triangle", {{{1, 0}, {-0.6, 0.9}, {-0.6, -0.9}}}},
      {"ring", {circle({0, 0}, 0.95, 32), circle({0, 0}, 0.5, 24)}},
      {"star", {star(5, 0.42)}},
      {"cross",
       {{{-0.32, -1},
         {0.32, -1},
         {0.32, -0.32},
         {1, -0.32},
         {1, 0.32},
         {0.32, 0.32},
         {0.32, 1},
         {-0.32, 1},
         {-0.32, 0.32},
         {-1, 0.32},
         {-1, -0.32},
         {-0.32, -0.32}}}},
      // Between the circle of radius 1 around 0 and the circle of radius 0.75 around (0.5, 0). They meet at 0.12936 turns of the first and
      // 0.20978 turns of the second.
      {"crescent", {joined_contours(arc({0, 0}, 1, 0.12936, 0.87064, 24), arc({0.5, 0}, 0.75, 0.79022, 0.20978, 20))}},
      {"arrow", {{{1, 0}, {0.2, 0.75}, {0.2, 0.3}, {-1, 0.3}, {-1, -0.3}, {0.2, -0.3}, {0.2, -0.75}}}},
      {"wedge", {joined_contours({{0, 0}}, arc({0, 0}, 0.95, 0.12, 0.88, 26))}},
      {"bars", {{{-0.9, -0.8}, {0.9, -0.8}, {0.9, -0.22}, {-0.9, -0.22}}, {{-0.9, 0.22}, {0.9, 0.22}, {0.9, 0.8}, {-0.9, 0.8}}}},
  };
  return outlines;
}

const std::vector<NamedOutline>& unseen_outlines() {
  static const std::vector<NamedOutline> outlines = {
      {"heart",
       {joined_contours({{0, 1}}, joined_contours(arc({-0.48, -0.3}, 0.5, 0.4, 0.95, 12), arc({0.48, -0.3}, 0.5, 0.55, 1.1, 12)))}},
      {"hourglass", {{{-0.85, -0.9}, {0.85, -0.9}, {0.15, 0}, {0.85, 0.9}, {-0.85, 0.9}, {-0.15, 0}}}},
      {"lightning", {{{0.3, -1}, {-0.6, 0.15}, {-0.05, 0.15}, {-0.4, 1}, {0.6, -0.2}, {0.05, -0.2}}}},
      {"angle", {{{-0.8, -0.95}, {-0.25, -0.95}, {-0.25, 0.4}, {0.8, 0.4}, {0.8, 0.95}, {-0.8, 0.95}}}},
      {"tee", {{{-0.9, -0.9}, {0.9, -0.9}, {0.9, -0.4}, {0.27, -0.4}, {0.27, 0.95}, {-0.27, 0.95}, {-0.27, -0.4}, {-0.9, -0.4}}}},
      {"half disc", {arc({-0.4, 0}, 1, 0.75, 1.25, 20)}},
      {"gear", {star(9, 0.68)}},
      {"horseshoe", {joined_contours(arc({0, 0}, 1, 0.09, 0.91, 26), arc({0, 0}, 0.52, 0.91, 0.09, 22))}},
      {"house",
       {{{0, -1},
         {0.9, -0.2},
         {0.65, -0.2},
         {0.65, 0.85},
         {0.2, 0.85},
         {0.2, 0.2},
         {-0.2, 0.2},
         {-0.2, 0.85},
         {-0.65, 0.85},
         {-0.65, -0.2},
         {-0.9, -0.2}}}},
      {"two discs", {circle({-0.5, 0}, 0.46, 20), circle({0.5, 0}, 0.46, 20)}},
  };
  return outlines;
}

}  // namespace nn::synthetic

namespace nn {
namespace {

using namespace synthetic;

Point random_place(double margin, Rng& rng) { return {rng.between(margin, 1 - margin), rng.between(margin, 1 - margin)}; }

/// A plain bar or irregular quadrangle, which belongs to no class.
void draw_clutter(Canvas& canvas, Rng& rng) {
  const Color color = random_color(rng);
  const Texture paint(Texture::Kind::plain, color, color, rng);
  const Point center = random_place(-0.05, rng);
  const auto opacity = static_cast<float>(rng.between(0.5, 1));
  if (rng.chance(0.5)) {
    const Point direction = on_circle(rng.between(0, 1));
    const double half = rng.between(0.08, 0.3);
    canvas.draw({bar({center.x - half * direction.x, center.y - half * direction.y},
                     {center.x + half * direction.x, center.y + half * direction.y}, rng.between(0.03, 0.07))},
                paint, opacity);
  } else {
    Contour corners;
    const double start = rng.between(0, 1);
    for (int i = 0; i < 4; ++i) {
      const Point direction = on_circle(start + 0.25 * i + rng.between(-0.08, 0.08));
      const double radius = rng.between(0.04, 0.13);
      corners.push_back({center.x + radius * direction.x, center.y + radius * direction.y});
    }
    canvas.draw({corners}, paint, opacity);
  }
}

/// A dark texture of low contrast with two to five pieces of clutter. Returns its main color.
Color draw_background(Canvas& canvas, Rng& rng) {
  const Color color = random_color(rng, 0, 0.6), other = random_color(rng);
  canvas.fill(Texture(color, mixed(color, other, static_cast<float>(rng.between(0.05, 0.35))), rng));
  for (int pieces = 2 + rng.below(4); pieces > 0; --pieces) draw_clutter(canvas, rng);
  return color;
}

/// A light textured object of random size, position, rotation (within 0.1 turns) and aspect, sometimes with clutter over it.
void draw_object(Canvas& canvas, const Outline& outline, const Color& background, Rng& rng) {
  const Color color = color_apart_from(background, 1.0f, rng, 0.35, 1), other = color_apart_from(background, 0.7f, rng, 0.2, 1);
  const Texture texture(color, mixed(color, other, static_cast<float>(rng.between(0.05, 0.5))), rng);
  const double radius = rng.between(0.27, 0.42), aspect = rng.between(0.85, 1.18);
  const Point center = {rng.between(radius, 1 - radius), rng.between(radius, 1 - radius)};
  canvas.draw(placed(outline, {center, radius * aspect, radius / aspect, rng.between(-0.1, 0.1)}), texture,
              static_cast<float>(rng.between(0.85, 1)));
  if (rng.chance(0.25)) draw_clutter(canvas, rng);
}

void draw_shape(Canvas& canvas, int64_t label, Rng& rng) {
  const Color background = draw_background(canvas, rng);
  draw_object(canvas, known_outlines()[label].outline, background, rng);
}

void draw_unseen(Canvas& canvas, int64_t index, Rng& rng) {
  const auto& outlines = unseen_outlines();
  const Color background = draw_background(canvas, rng);
  draw_object(canvas, outlines[index % outlines.size()].outline, background, rng);
}

/// A texture of the objects at full contrast that fills the image.
void draw_texture(Canvas& canvas, int64_t index, Rng& rng) {
  const Color color = random_color(rng), other = color_apart_from(color, 0.9f, rng);
  canvas.fill(Texture(static_cast<Texture::Kind>(1 + index % (Texture::kinds - 1)), color, other, rng));
}

/// Cells of 1, 2 or 4 pixels (at size 32) with random colors, random grays, or one of two colors.
void draw_noise(Canvas& canvas, int64_t index, Rng& rng) {
  const int64_t size = canvas.size(), cell = std::max<int64_t>(1, (int64_t{1} << (index % 3)) * size / 32);
  const int kind = rng.below(3);
  const Color a = random_color(rng), b = color_apart_from(a, 0.8f, rng);
  for (int64_t row = 0; row < size; row += cell)
    for (int64_t column = 0; column < size; column += cell) {
      Color color = random_color(rng);
      if (kind == 1) color = {color[0], color[0], color[0]};
      if (kind == 2) color = color[0] < 0.5f ? a : b;
      for (int64_t i = row; i < std::min(size, row + cell); ++i)
        for (int64_t j = column; j < std::min(size, column + cell); ++j) canvas.at(i, j) = color;
    }
}

/// Pen strokes of one width on a plain background.
void draw_strokes(Canvas& canvas, Rng& rng) {
  const Color ground = random_color(rng), ink = color_apart_from(ground, 1.1f, rng);
  canvas.fill(Texture(Texture::Kind::plain, ground, ground, rng));
  const Texture paint(Texture::Kind::plain, ink, ink, rng);
  const double width = rng.between(0.04, 0.09);
  for (int lines = 1 + rng.below(3); lines > 0; --lines) {
    Point pen = random_place(0.1, rng);
    double turns = rng.between(0, 1);
    const double bend = rng.between(-0.12, 0.12);
    Contour line = {pen};
    for (int steps = 4 + rng.below(6); steps > 0; --steps) {
      turns += bend + rng.between(-0.04, 0.04);
      const Point direction = on_circle(turns);
      pen = {std::clamp(pen.x + 0.14 * direction.x, 0.03, 0.97), std::clamp(pen.y + 0.14 * direction.y, 0.03, 0.97)};
      line.push_back(pen);
    }
    for (const Outline& piece : stroke(line, width)) canvas.draw(piece, paint);
  }
}

struct Set {
  const char* name;
  void (*draw)(Canvas& canvas, int64_t index, Rng& rng);
};
constexpr Set sets[] = {{"shapes", [](Canvas& canvas, int64_t index, Rng& rng) { draw_shape(canvas, index % 10, rng); }},
                        {"unseen-shapes", draw_unseen},
                        {"textures", draw_texture},
                        {"scenes", [](Canvas& canvas, int64_t, Rng& rng) { draw_background(canvas, rng); }},
                        {"noise", draw_noise},
                        {"strokes", [](Canvas& canvas, int64_t, Rng& rng) { draw_strokes(canvas, rng); }}};

class Synthetic : public Dataset {
 public:
  Synthetic(const Set& set, const std::string& split, uint64_t seed, int64_t size, const Framing& framing)
      : set_(set),
        seed_(seed),
        size_(size),
        first_counter_(tensor::counter_of(fmt::format("{}/{}", set.name, split))),
        cache_of_images_(size, framing.size * framing.size * 3) {
    spec_ = fmt::format("synthetic:{}?split={}&seed={}", set.name, split, seed);
    prefix_ = fmt::format("{}/{}", set.name, split);
    framing_ = framing;
    if (is_id())
      for (const NamedOutline& outline : known_outlines()) class_names_.push_back(outline.name);
  }
  int64_t size() const override { return size_; }
  int64_t label(int64_t index) const override {
    check_index(index);
    return is_id() ? index % classes() : -1;
  }
  std::string image_name(int64_t index) const override {
    check_index(index);
    return fmt::format("{}#{}", prefix_, index);
  }
  void read(int64_t index, uint8_t* pixels) const override {
    check_index(index);
    cache_of_images_.read(index, pixels, [&](uint8_t* out) {
      Rng rng(seed_, first_counter_ + index);
      Canvas canvas(image_size());
      set_.draw(canvas, index, rng);
      const auto amplitude = static_cast<float>(rng.between(0, 0.06));
      canvas.write(out, amplitude, rng);
    });
  }

 private:
  bool is_id() const { return &set_ == sets; }

  const Set& set_;
  uint64_t seed_;
  int64_t size_;
  uint64_t first_counter_;  // of image 0
  std::string prefix_;
  MemoryCache cache_of_images_;
};

}  // namespace

std::unique_ptr<Dataset> open_synthetic(const DataSpec& spec, const Framing& framing) {
  const DataOptions options(spec, {"split", "seed", "size", "limit"});
  std::vector<std::string> names;
  for (const Set& set : sets) {
    names.emplace_back(set.name);
    if (spec.location != set.name && !(spec.location.empty() && &set == sets)) continue;
    const bool is_id = &set == sets;
    const std::string split =
        options.choice("split", is_id ? std::vector<std::string>{"train", "test"} : std::vector<std::string>{"test", "train"});
    const int64_t size = options.number("size", split == "train" ? 4000 : 1000, 1, 50'000);
    const auto seed = static_cast<uint64_t>(options.number("seed", 1, 0, int64_t{1} << 62));
    return std::make_unique<Synthetic>(set, split, seed, options.limit(size), framing);
  }
  throw tensor::Error(fmt::format("synthetic: unknown dataset '{}'; known: {}", printable(spec.location), joined(names)));
}

std::vector<std::string> synthetic_ood_sets() {
  std::vector<std::string> names;
  for (const Set& set : sets)
    if (&set != sets) names.emplace_back(set.name);
  return names;
}

}  // namespace nn
