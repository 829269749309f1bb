// The cropped digits of SVHN, "format 2" (http://ufldl.stanford.edu/housenumbers): a MAT-file with X, uint8 (32, 32, 3, N) in column-major
// order, and y, (N, 1), in which 10 is the digit 0.

#include <cmath>
#include <functional>
#include <numeric>

#include "nn/data/mat.h"
#include "nn/data/readers.h"
#include "nn/files.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

constexpr int64_t edge = 32, plane = edge * edge, pixel_bytes = 3 * plane;

class Svhn : public Dataset {
 public:
  Svhn(const DataSpec& spec, const DataOptions& options, const Framing& framing) {
    spec_ = spec.kind + ":" + spec.location;
    framing_ = framing;
    const std::string& path = spec.location;
    if (!is_file(path))
      throw tensor::Error(
          fmt::format("svhn: no file '{}'; give the path of train_32x32.mat, test_32x32.mat or extra_32x32.mat", printable(path)));
    file_name_ = path.substr(path.rfind('/') + 1);
    for (int digit = 0; digit < 10; ++digit) class_names_.push_back(std::to_string(digit));

    const MatFile file(path);
    const auto fail = [&](const std::string& fault) {
      throw tensor::Error(fmt::format("{}: {}; expected the cropped digits of SVHN (format 2)", printable(path), fault));
    };
    const std::vector<int64_t>& shape = file.shape("X");
    if (shape.size() < 3 || shape.size() > 4 || shape[0] != edge || shape[1] != edge || shape[2] != 3)
      fail(fmt::format("X has shape ({}), not (32, 32, 3, N)", joined(shape)));
    const int64_t images = shape.size() == 4 ? shape[3] : 1;  // MATLAB drops trailing axes of size 1
    if (images == 0) fail("X has no images");
    const int64_t labels = std::accumulate(file.shape("y").begin(), file.shape("y").end(), int64_t{1}, std::multiplies<>());
    if (labels != images) fail(fmt::format("X has {} images, but y has {} labels", images, labels));
    std::vector<int64_t> digits;
    for (const double value : file.numbers("y")) {
      if (!(value >= 1 && value <= 10) || value != std::floor(value))
        fail(fmt::format("label {} of image {} is not one of 1 to 10 (10 is the digit 0)", value, digits.size()));
      digits.push_back(static_cast<int64_t>(value) % 10);
    }

    records_ = limited(options, digits, class_names_, Order::mixed);
    std::vector<uint8_t> columns(pixel_bytes);
    size_t selected = 0;
    file.for_each_chunk("X", columns.data(), pixel_bytes, [&](int64_t record) {
      if (selected == records_.size() || records_[selected] != record) return;
      ++selected;
      labels_.push_back(digits[record]);
      const size_t first = pixels_.size();
      pixels_.resize(first + pixel_bytes);
      for (int64_t channel = 0; channel < 3; ++channel)
        for (int64_t column = 0; column < edge; ++column)
          for (int64_t row = 0; row < edge; ++row)
            pixels_[first + (row * edge + column) * 3 + channel] = columns[channel * plane + column * edge + row];
    });
  }

  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  int64_t label(int64_t index) const override { return labels_[checked(index)]; }
  std::string image_name(int64_t index) const override { return fmt::format("{}#{}", file_name_, records_[checked(index)]); }
  void read(int64_t index, uint8_t* pixels) const override {
    write_framed(pixels_.data() + checked(index) * pixel_bytes, edge, framing_, pixels);
  }

 private:
  int64_t checked(int64_t index) const {
    check_index(index);
    return index;
  }

  std::string file_name_;
  std::vector<int64_t> records_, labels_;  // records_: the index of each image in the file
  std::vector<uint8_t> pixels_;
};

}  // namespace

std::unique_ptr<Dataset> open_svhn(const DataSpec& spec, const Framing& framing) {
  const DataOptions options(spec, {"limit", "seed"});
  return std::make_unique<Svhn>(spec, options, framing);
}

}  // namespace nn
