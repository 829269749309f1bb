#include "nn/data/canvas.h"

#include <algorithm>

#pragma GCC optimize("fp-contract=off")

namespace nn::synthetic {

Point on_circle(double turns) {
  turns = (turns - std::floor(turns)) * 4;
  const int quarter = static_cast<int>(turns);
  const double angle = (turns - quarter) * 1.5707963267948966, square = angle * angle;
  // Taylor series up to x^14 and x^15; the next terms are below 1e-10 for x <= pi/2.
  double cosine = 1, sine = 1;
  for (int n = 14; n >= 2; n -= 2) {
    cosine = 1 - cosine * square / (n * (n - 1));
    sine = 1 - sine * square / (n * (n + 1));
  }
  sine = sine * angle;
  switch (quarter & 3) {
    case 0:
      return {cosine, sine};
    case 1:
      return {-sine, cosine};
    case 2:
      return {-cosine, -sine};
    default:
      return {sine, -cosine};
  }
}

Contour arc(Point center, double radius, double first, double last, int points) {
  Contour contour;
  for (int i = 0; i < points; ++i) {
    const Point direction = on_circle(first + (last - first) * i / (points - 1));
    contour.push_back({center.x + radius * direction.x, center.y + radius * direction.y});
  }
  return contour;
}

Contour bar(Point a, Point b, double width) {
  const double x = b.x - a.x, y = b.y - a.y, length = std::sqrt(x * x + y * y);
  const double across_x = length > 0 ? -y / length * width / 2 : width / 2, across_y = length > 0 ? x / length * width / 2 : 0;
  return {{a.x + across_x, a.y + across_y},
          {b.x + across_x, b.y + across_y},
          {b.x - across_x, b.y - across_y},
          {a.x - across_x, a.y - across_y}};
}

std::vector<Outline> stroke(const Contour& line, double width) {
  std::vector<Outline> pieces;
  for (size_t i = 0; i < line.size(); ++i) {
    pieces.push_back({arc(line[i], width / 2, 0, 7.0 / 8, 8)});
    if (i + 1 < line.size()) pieces.push_back({bar(line[i], line[i + 1], width)});
  }
  return pieces;
}

Outline placed(const Outline& outline, const Placement& placement) {
  const Point axis = on_circle(placement.turns);
  Outline result = outline;
  for (Contour& contour : result)
    for (Point& point : contour) {
      const double x = point.x * placement.stretch_x, y = point.y * placement.stretch_y;
      point = {placement.center.x + axis.x * x - axis.y * y, placement.center.y + axis.y * x + axis.x * y};
    }
  return result;
}

Color random_color(Rng& rng, double low, double high) {
  Color color;
  for (float& channel : color) channel = static_cast<float>(rng.between(low, high));
  return color;
}

float distance(const Color& a, const Color& b) { return std::fabs(a[0] - b[0]) + std::fabs(a[1] - b[1]) + std::fabs(a[2] - b[2]); }

Color color_apart_from(const Color& other, float apart, Rng& rng, double low, double high) {
  Color best = random_color(rng, low, high);
  for (int tries = 1; tries < 8 && distance(best, other) < apart; ++tries) {
    const Color color = random_color(rng, low, high);
    if (distance(color, other) > distance(best, other)) best = color;
  }
  return best;
}

Color mixed(const Color& a, const Color& b, float part) {
  return {a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part};
}

namespace {

float fraction(float x) { return x - std::floor(x); }
/// A triangle wave of period 1 between 0 and 1.
float triangle_wave(float x) { return std::fabs(2 * fraction(x) - 1); }
/// A step from 0 to 1 at x = 1/2 with a finite slope.
float soft_step(float x, float steepness) { return std::clamp((x - 0.5f) * steepness + 0.5f, 0.0f, 1.0f); }
float smooth(float x) { return x * x * (3 - 2 * x); }

}  // namespace

Texture::Texture(Kind kind, const Color& a, const Color& b, Rng& rng) : kind_(kind), a_(a) {
  for (size_t channel = 0; channel < 3; ++channel) change_[channel] = b[channel] - a[channel];
  const Point axis = on_circle(rng.between(0, 1));
  cos_ = static_cast<float>(axis.x);
  sin_ = static_cast<float>(axis.y);
  frequency_ = static_cast<float>(rng.between(2.5, 6));
  phase_ = static_cast<float>(rng.between(0, 1));
  width_ = static_cast<float>(rng.between(0.35, 0.65));
  if (kind_ == Kind::patches)
    for (float& value : lattice_) value = static_cast<float>(rng.between(0, 1));
}

float Texture::mixture(float x, float y) const {
  const float u = cos_ * x + sin_ * y, v = cos_ * y - sin_ * x;  // each within +- 1.5
  switch (kind_) {
    case Kind::plain:
      return 0;
    case Kind::slope:
      return std::clamp((u + 1.5f) / 3, 0.0f, 1.0f);
    case Kind::stripes:
      return soft_step(triangle_wave(u * frequency_ + phase_) - width_ + 0.5f, 4);
    case Kind::checks: {
      const float across = soft_step(triangle_wave(u * frequency_ * 0.6f + phase_), 4),
                  along = soft_step(triangle_wave(v * frequency_ * 0.6f), 4);
      return across + along - 2 * across * along;
    }
    case Kind::dots: {
      const float du = fraction(u * frequency_ + phase_) - 0.5f, dv = fraction(v * frequency_) - 0.5f;
      return soft_step(1 - 2 * std::sqrt(du * du + dv * dv) + 0.25f * (width_ - 0.5f), 4);
    }
    case Kind::rings: {
      const float du = x - phase_, dv = y - width_;
      return soft_step(triangle_wave(std::sqrt(du * du + dv * dv) * frequency_), 3);
    }
    case Kind::patches: {
      const float fu = (u + 2) * frequency_ * 0.7f, fv = (v + 2) * frequency_ * 0.7f;
      const int column = static_cast<int>(fu), row = static_cast<int>(fv);
      const float s = smooth(fu - static_cast<float>(column)), t = smooth(fv - static_cast<float>(row));
      const auto corner = [&](int i, int j) { return lattice_[((row + i) & 7) * 8 + ((column + j) & 7)]; };
      const float above = corner(0, 0) + (corner(0, 1) - corner(0, 0)) * s, below = corner(1, 0) + (corner(1, 1) - corner(1, 0)) * s;
      return soft_step(above + (below - above) * t, 2);
    }
  }
  return 0;
}

Color Texture::at(float x, float y) const {
  const float part = mixture(x, y);
  return {a_[0] + change_[0] * part, a_[1] + change_[1] * part, a_[2] + change_[2] * part};
}

void Canvas::fill(const Texture& texture) {
  const float step = 1 / static_cast<float>(size_);
  for (int64_t row = 0; row < size_; ++row)
    for (int64_t column = 0; column < size_; ++column)
      at(row, column) = texture.at((static_cast<float>(column) + 0.5f) * step, (static_cast<float>(row) + 0.5f) * step);
}

void Canvas::draw(const Outline& outline, const Texture& texture, float opacity) {
  constexpr int samples = 4;
  struct Edge {
    double top, bottom, x, slope;  // x at `top`, in pixels
  };
  const auto size = static_cast<double>(size_);
  std::vector<Edge> edges;
  double top = size, bottom = 0;
  for (const Contour& contour : outline)
    for (size_t i = 0; i < contour.size(); ++i) {
      Point a = contour[i], b = contour[i + 1 < contour.size() ? i + 1 : 0];
      if (a.y == b.y) continue;
      if (a.y > b.y) std::swap(a, b);
      edges.push_back({a.y * size, b.y * size, a.x * size, (b.x - a.x) / (b.y - a.y)});
      top = std::min(top, a.y * size);
      bottom = std::max(bottom, b.y * size);
    }

  std::vector<double> crossings;
  const float step = 1 / static_cast<float>(size_);
  const auto first_row = static_cast<int64_t>(std::floor(std::clamp(top, 0.0, size)));
  const auto last_row = static_cast<int64_t>(std::ceil(std::clamp(bottom, 0.0, size)));
  for (int64_t row = first_row; row < last_row; ++row) {
    int64_t left = size_, right = 0;  // covered columns
    for (int sample = 0; sample < samples; ++sample) {
      const double y = static_cast<double>(row) + (sample + 0.5) / samples;
      crossings.clear();
      for (const Edge& edge : edges)
        if (edge.top <= y && y < edge.bottom) crossings.push_back(std::clamp(edge.x + (y - edge.top) * edge.slope, 0.0, size));
      std::sort(crossings.begin(), crossings.end());
      for (size_t i = 0; i + 1 < crossings.size(); i += 2) {
        const double begin = crossings[i], end = crossings[i + 1];
        const auto first = static_cast<int64_t>(begin), last = std::min(static_cast<int64_t>(end), size_ - 1);
        if (!(end > begin)) continue;
        if (left > right) left = right = first;
        for (; left > first; --left) coverage_[left - 1] = 0;
        for (; right <= last; ++right) coverage_[right] = 0;
        for (int64_t column = first; column <= last; ++column) {
          const double from = std::max(begin, static_cast<double>(column)), to = std::min(end, static_cast<double>(column + 1));
          coverage_[column] += static_cast<float>((to - from) / samples);
        }
      }
    }
    for (int64_t column = left; column < right; ++column) {
      const float covered = std::min(coverage_[column], 1.0f) * opacity;
      if (covered <= 0) continue;
      const Color color = texture.at((static_cast<float>(column) + 0.5f) * step, (static_cast<float>(row) + 0.5f) * step);
      Color& pixel = at(row, column);
      for (size_t channel = 0; channel < 3; ++channel) pixel[channel] += (color[channel] - pixel[channel]) * covered;
    }
  }
}

void Canvas::write(uint8_t* bytes, float amplitude, Rng& rng) const {
  constexpr float half = 0.5f;
  uint32_t word = 0;
  int left = 0;
  for (const Color& pixel : pixels_)
    for (const float channel : pixel) {
      if (left == 0) word = rng.word(), left = 4;
      const float noise = (static_cast<float>(word & 255) - 127.5f) * (amplitude / 127.5f);
      word >>= 8;
      --left;
      *bytes++ = static_cast<uint8_t>(std::clamp(channel + noise, 0.0f, 1.0f) * 255 + half);
    }
}

}  // namespace nn::synthetic
