// PNG and JPEG. A PNG with wrong checksums is read again with corrected ones; otherwise hardly any change would reach the decoder.

#include "nn/data/image_io.h"
#include "tests/fuzz/fuzz.h"
#include "tests/image_files.h"

namespace {

void correct_checksums(files::Bytes& png) {
  for (size_t at = 8; at + 12 <= png.size();) {
    const size_t length = size_t{png[at]} << 24 | size_t{png[at + 1]} << 16 | size_t{png[at + 2]} << 8 | png[at + 3];
    if (length > png.size() - at - 12) return;
    files::Bytes sum;
    files::append_big_endian(sum,
                             files::crc_of({png.begin() + static_cast<long>(at + 4), png.begin() + static_cast<long>(at + 8 + length)}));
    std::copy(sum.begin(), sum.end(), png.begin() + static_cast<long>(at + 8 + length));
    at += length + 12;
  }
}

void read(const files::Bytes& bytes) {
  fuzz::expect_value_or_one_line([&] {
    const nn::Image image = nn::decode_image(bytes, "input");
    if (image.height * image.width > (1 << 20)) return;  // resizing is slow and not a parser
    nn::framed(image, {.size = 8});
    if (std::max(image.height, image.width) / std::min(image.height, image.width) < 1000)
      nn::framed(image, {.size = 8, .crop = nn::Crop::center, .short_side = 10});
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  files::Bytes bytes(data, data + size);
  read(bytes);
  if (nn::image_format(bytes) != nn::ImageFormat::png) return 0;
  correct_checksums(bytes);
  if (!std::equal(bytes.begin(), bytes.end(), data)) read(bytes);
  return 0;
}
