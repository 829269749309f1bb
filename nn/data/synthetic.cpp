#include "nn/data/synthetic.h"

#include <algorithm>

#include "nn/data/canvas.h"
#include "nn/data/kept_images.h"
#include "nn/data/outlines.h"
#include "nn/data/readers.h"
#include "nn/text.h"
#include "tensor/check.h"

#pragma GCC optimize("fp-contract=off")

namespace nn {
namespace {

using namespace synthetic;

Point random_place(double margin, Dice& dice) { return {dice.between(margin, 1 - margin), dice.between(margin, 1 - margin)}; }

/// A small thing of no class: a bar or an irregular quadrangle, plain.
void draw_clutter(Canvas& canvas, Dice& dice) {
  const Color color = random_color(dice);
  const Texture paint(Texture::Kind::plain, color, color, dice);
  const Point center = random_place(-0.05, dice);
  const auto opacity = static_cast<float>(dice.between(0.5, 1));
  if (dice.chance(0.5)) {
    const Point direction = on_circle(dice.between(0, 1));
    const double half = dice.between(0.08, 0.3);
    canvas.draw({bar({center.x - half * direction.x, center.y - half * direction.y},
                     {center.x + half * direction.x, center.y + half * direction.y}, dice.between(0.03, 0.07))},
                paint, opacity);
  } else {
    Contour corners;
    const double start = dice.between(0, 1);
    for (int i = 0; i < 4; ++i) {
      const Point direction = on_circle(start + 0.25 * i + dice.between(-0.08, 0.08));
      const double radius = dice.between(0.04, 0.13);
      corners.push_back({center.x + radius * direction.x, center.y + radius * direction.y});
    }
    canvas.draw({corners}, paint, opacity);
  }
}

/// A darker texture of low contrast under two to five pieces of clutter. Returns its leading color.
Color draw_background(Canvas& canvas, Dice& dice) {
  const Color color = random_color(dice, 0, 0.6), other = random_color(dice);
  canvas.fill(Texture(color, mixed(color, other, static_cast<float>(dice.between(0.05, 0.35))), dice));
  for (int pieces = 2 + dice.below(4); pieces > 0; --pieces) draw_clutter(canvas, dice);
  return color;
}

/// A lighter textured object of random size, place, turn (a tenth at most, either way) and aspect; sometimes clutter lies over it.
void draw_object(Canvas& canvas, const Outline& outline, const Color& background, Dice& dice) {
  const Color color = color_apart_from(background, 1.0f, dice, 0.35, 1), other = color_apart_from(background, 0.7f, dice, 0.2, 1);
  const Texture texture(color, mixed(color, other, static_cast<float>(dice.between(0.05, 0.5))), dice);
  const double radius = dice.between(0.27, 0.42), aspect = dice.between(0.85, 1.18);
  const Point center = {dice.between(radius, 1 - radius), dice.between(radius, 1 - radius)};
  canvas.draw(placed(outline, {center, radius * aspect, radius / aspect, dice.between(-0.1, 0.1)}), texture,
              static_cast<float>(dice.between(0.85, 1)));
  if (dice.chance(0.25)) draw_clutter(canvas, dice);
}

void draw_shape(Canvas& canvas, int64_t label, Dice& dice) {
  const Color background = draw_background(canvas, dice);
  draw_object(canvas, known_outlines()[label].outline, background, dice);
}

void draw_unseen(Canvas& canvas, int64_t index, Dice& dice) {
  const auto& outlines = unseen_outlines();
  const Color background = draw_background(canvas, dice);
  draw_object(canvas, outlines[static_cast<size_t>(index) % outlines.size()].outline, background, dice);
}

/// The objects' textures at full contrast, filling the image.
void draw_texture(Canvas& canvas, int64_t index, Dice& dice) {
  const Color color = random_color(dice), other = color_apart_from(color, 0.9f, dice);
  canvas.fill(Texture(static_cast<Texture::Kind>(1 + index % (Texture::kinds - 1)), color, other, dice));
}

/// Cells of 1, 2 or 4 pixels (of an image of 32) that are random by channel, gray, or one of two colors.
void draw_noise(Canvas& canvas, int64_t index, Dice& dice) {
  const int64_t size = canvas.size(), cell = std::max<int64_t>(1, (int64_t{1} << (index % 3)) * size / 32);
  const int kind = dice.below(3);
  const Color a = random_color(dice), b = color_apart_from(a, 0.8f, dice);
  for (int64_t row = 0; row < size; row += cell)
    for (int64_t column = 0; column < size; column += cell) {
      Color color = random_color(dice);
      if (kind == 1) color = {color[0], color[0], color[0]};
      if (kind == 2) color = color[0] < 0.5f ? a : b;
      for (int64_t i = row; i < std::min(size, row + cell); ++i)
        for (int64_t j = column; j < std::min(size, column + cell); ++j) canvas.at(i, j) = color;
    }
}

/// Open lines of one width on a plain ground, as of a pen.
void draw_strokes(Canvas& canvas, Dice& dice) {
  const Color ground = random_color(dice), ink = color_apart_from(ground, 1.1f, dice);
  canvas.fill(Texture(Texture::Kind::plain, ground, ground, dice));
  const Texture paint(Texture::Kind::plain, ink, ink, dice);
  const double width = dice.between(0.04, 0.09);
  for (int lines = 1 + dice.below(3); lines > 0; --lines) {
    Point pen = random_place(0.1, dice);
    double turns = dice.between(0, 1);
    const double bend = dice.between(-0.12, 0.12);
    Contour line = {pen};
    for (int steps = 4 + dice.below(6); steps > 0; --steps) {
      turns += bend + dice.between(-0.04, 0.04);
      const Point direction = on_circle(turns);
      pen = {std::clamp(pen.x + 0.14 * direction.x, 0.03, 0.97), std::clamp(pen.y + 0.14 * direction.y, 0.03, 0.97)};
      line.push_back(pen);
    }
    for (const Outline& piece : stroke(line, width)) canvas.draw(piece, paint);
  }
}

struct Set {
  const char* name;
  void (*draw)(Canvas& canvas, int64_t index, Dice& dice);
};
constexpr Set sets[] = {{"shapes", [](Canvas& canvas, int64_t index, Dice& dice) { draw_shape(canvas, index % 10, dice); }},
                        {"unseen-shapes", draw_unseen},
                        {"textures", draw_texture},
                        {"scenes", [](Canvas& canvas, int64_t, Dice& dice) { draw_background(canvas, dice); }},
                        {"noise", draw_noise},
                        {"strokes", [](Canvas& canvas, int64_t, Dice& dice) { draw_strokes(canvas, dice); }}};

class Synthetic : public Dataset {
 public:
  Synthetic(const Set& set, const std::string& split, uint64_t seed, int64_t size, const Framing& framing)
      : set_(set),
        seed_(seed),
        size_(size),
        first_(tensor::counter_of(fmt::format("{}/{}", set.name, split))),
        kept_(size, framing.size * framing.size * 3) {
    spec_ = fmt::format("synthetic:{}?split={}&seed={}", set.name, split, seed);
    prefix_ = fmt::format("{}/{}", set.name, split);
    framing_ = framing;
    if (is_id())
      for (const NamedOutline& outline : known_outlines()) class_names_.push_back(outline.name);
  }
  int64_t size() const override { return size_; }
  int64_t label(int64_t index) const override {
    checked(index);
    return is_id() ? index % classes() : -1;
  }
  std::string image_name(int64_t index) const override {
    checked(index);
    return fmt::format("{}#{}", prefix_, index);
  }
  void read(int64_t index, uint8_t* pixels) const override {
    checked(index);
    kept_.read(index, pixels, [&](uint8_t* out) {
      Dice dice(seed_, first_ + static_cast<uint64_t>(index));
      Canvas canvas(image_size());
      set_.draw(canvas, index, dice);
      const auto amplitude = static_cast<float>(dice.between(0, 0.06));
      canvas.write(out, amplitude, dice);
    });
  }

 private:
  bool is_id() const { return &set_ == sets; }
  void checked(int64_t index) const { CHECK(index >= 0 && index < size_, "image {} of {}, which has {}", index, spec_, size_); }

  const Set& set_;
  uint64_t seed_;
  int64_t size_;
  uint64_t first_;  // counter of image 0
  std::string prefix_;
  KeptImages kept_;
};

}  // namespace

std::unique_ptr<Dataset> open_synthetic(const DataSpec& spec, const Framing& framing) {
  const Options options(spec, {"split", "seed", "size", "limit"});
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
  throw tensor::Error(fmt::format("synthetic: no set '{}'; known: {}", printable(spec.location), joined(names)));
}

std::vector<std::string> synthetic_ood_sets() {
  std::vector<std::string> names;
  for (const Set& set : sets)
    if (&set != sets) names.emplace_back(set.name);
  return names;
}

}  // namespace nn
