// Decoding of PNG and JPEG files, and one-line errors that name the file for anything else.

#include "nn/data/image_io.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "tests/errors.h"
#include "tests/image_files.h"
#include "tests/temporary.h"

namespace {

using files::Bytes;
using nn::decode_image;
using nn::Image;

std::string fault_of(const Bytes& bytes) {
  return message_of([&] { decode_image(bytes, "some.jpg"); });
}
void expect_fault(const Bytes& bytes, const std::string& part) {
  const std::string fault = fault_of(bytes);
  EXPECT_NE(fault.find(part), std::string::npos) << "got: " << fault;
  EXPECT_NE(fault.find("some.jpg"), std::string::npos) << "got: " << fault;
  EXPECT_EQ(fault.find('\n'), std::string::npos);
}

// 8 x 8 pixels of CMYK (0, 200, 100, 50) in Adobe's convention; (205, 44, 125) in RGB.
const Bytes cmyk_jpeg = {255, 216, 255, 238, 0,  14, 65, 100, 111, 98, 101, 0,  100, 0,  0,  0,  0,   0,   255, 219, 0,  67, 0,
                         3,   2,   2,   3,   2,  2,  3,  3,   3,   3,  4,   3,  3,   4,  5,  8,  5,   5,   4,   4,   5,  10, 7,
                         7,   6,   8,   12,  10, 12, 12, 11,  10,  11, 11,  13, 14,  18, 16, 13, 14,  17,  14,  11,  11, 16, 22,
                         16,  17,  19,  20,  21, 21, 21, 12,  15,  23, 24,  22, 20,  24, 18, 20, 21,  20,  255, 192, 0,  20, 8,
                         0,   8,   0,   8,   4,  67, 17, 0,   77,  17, 0,   89, 17,  0,  75, 17, 0,   255, 196, 0,   22, 0,  1,
                         1,   1,   0,   0,   0,  0,  0,  0,   0,   0,  0,   0,  0,   0,  0,  8,  7,   9,   255, 196, 0,  20, 16,
                         1,   0,   0,   0,   0,  0,  0,  0,   0,   0,  0,   0,  0,   0,  0,  0,  0,   255, 218, 0,   14, 4,  67,
                         0,   77,  0,   89,  0,  75, 0,  0,   63,  0,  213, 48, 241, 72, 51, 95, 255, 217};
// 16 x 16, progressive; the upper half is (22, 88, 224), the lower one (196, 62, 25).
const Bytes progressive_jpeg = {
    255, 216, 255, 224, 0,   16,  74,  70,  73,  70,  0,   1,   1,   0,   0,  1,   0,   1,   0,   0,   255, 219, 0,   67,  0,   6,   4,
    5,   6,   5,   4,   6,   6,   5,   6,   7,   7,   6,   8,   10,  16,  10, 10,  9,   9,   10,  20,  14,  15,  12,  16,  23,  20,  24,
    24,  23,  20,  22,  22,  26,  29,  37,  31,  26,  27,  35,  28,  22,  22, 32,  44,  32,  35,  38,  39,  41,  42,  41,  25,  31,  45,
    48,  45,  40,  48,  37,  40,  41,  40,  255, 219, 0,   67,  1,   7,   7,  7,   10,  8,   10,  19,  10,  10,  19,  40,  26,  22,  26,
    40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40, 40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,
    40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40,  40, 40,  40,  40,  40,  40,  40,  40,  40,  255, 194, 0,   17,
    8,   0,   16,  0,   16,  3,   1,   34,  0,   2,   17,  1,   3,   17,  1,  255, 196, 0,   22,  0,   1,   1,   1,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   4,   5,   255, 196, 0,  21,  1,   1,   1,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   3,   4,   255, 218, 0,   12,  3,   1,   0,  2,   16,  3,   16,  0,   0,   1,   193, 84,  173, 255, 0,
    255, 196, 0,   20,  16,  1,   0,   0,   0,   0,   0,   0,   0,   0,   0,  0,   0,   0,   0,   0,   0,   32,  255, 218, 0,   8,   1,
    1,   0,   1,   5,   2,   31,  255, 196, 0,   24,  17,  0,   2,   3,   0,  0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   21,  99,  161, 225, 255, 218, 0,   8,   1,   3,   1,   1,   63,  1,  67,  37,  105, 255, 196, 0,   24,  17,  0,   2,   3,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   21,  99, 161, 225, 255, 218, 0,   8,   1,   2,   1,   1,   63,  1,
    125, 29,  225, 255, 196, 0,   20,  16,  1,   0,   0,   0,   0,   0,   0,  0,   0,   0,   0,   0,   0,   0,   0,   0,   32,  255, 218,
    0,   8,   1,   1,   0,   6,   63,  2,   31,  255, 196, 0,   20,  16,  1,  0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   32,  255, 218, 0,   8,   1,   1,   0,   1,   63,  33,  31, 255, 218, 0,   12,  3,   1,   0,   2,   0,   3,   0,   0,
    0,   16,  199, 255, 196, 0,   20,  17,  1,   0,   0,   0,   0,   0,   0,  0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   255, 218,
    0,   8,   1,   3,   1,   1,   63,  16,  87,  255, 196, 0,   20,  17,  1,  0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   255, 218, 0,   8,   1,   2,   1,   1,   63,  16,  7,  255, 196, 0,   20,  16,  1,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   32,  255, 218, 0,   8,   1,  1,   0,   1,   63,  16,  31,  255, 217};

void expect_near(const Image& image, int64_t row, int64_t column, std::array<int, 3> expected, int tolerance) {
  for (size_t channel = 0; channel < 3; ++channel)
    EXPECT_NEAR(image.pixels[(row * image.width + column) * 3 + channel], expected[channel], tolerance)
        << "row " << row << " column " << column << " channel " << channel;
}

TEST(Decode, PngIsReadExactly) {
  for (const auto& [height, width] : {std::pair<uint32_t, uint32_t>{1, 1}, {7, 5}, {200, 150}}) {
    const Bytes pixels = files::random_bytes(size_t{height} * width * 3, 3);
    const Image image = decode_image(files::rgb_png(height, width, pixels), "a.png");
    EXPECT_EQ(image.height, height);
    EXPECT_EQ(image.width, width);
    EXPECT_EQ(image.pixels, pixels);
  }
}

TEST(Decode, EveryPngColorType) {
  const Image gray = decode_image(files::png_bytes({.width = 2, .height = 1, .color_type = 0, .samples = {10, 250}, .palette = {}}), "a");
  EXPECT_EQ(gray.pixels, (Bytes{10, 10, 10, 250, 250, 250}));
  // Alpha over white: 255 keeps the color, 0 is white, 128 of 100 is (100 * 128 + 255 * 127) / 255 = 177.2.
  const Image rgba = decode_image(
      files::png_bytes({.width = 3, .height = 1, .color_type = 6, .samples = {1, 2, 3, 255, 9, 9, 9, 0, 100, 100, 0, 128}, .palette = {}}),
      "a");
  EXPECT_EQ(rgba.pixels, (Bytes{1, 2, 3, 255, 255, 255, 177, 177, 127}));
  const Image gray_alpha =
      decode_image(files::png_bytes({.width = 2, .height = 1, .color_type = 4, .samples = {60, 255, 60, 0}, .palette = {}}), "a");
  EXPECT_EQ(gray_alpha.pixels, (Bytes{60, 60, 60, 255, 255, 255}));
  const Image palette = decode_image(
      files::png_bytes({.width = 2, .height = 1, .color_type = 3, .samples = {1, 0}, .palette = {7, 8, 9, 200, 100, 50}}), "a");
  EXPECT_EQ(palette.pixels, (Bytes{200, 100, 50, 7, 8, 9}));
  const Image deep = decode_image(
      files::png_bytes(
          {.width = 1, .height = 2, .depth = 16, .color_type = 2, .samples = {1, 99, 2, 99, 3, 99, 255, 255, 0, 0, 128, 1}, .palette = {}}),
      "a");
  EXPECT_EQ(deep.pixels, (Bytes{1, 2, 3, 255, 0, 128}));
  const Image bits =
      decode_image(files::png_bytes({.width = 3, .height = 1, .depth = 1, .color_type = 0, .samples = {0b10100000}, .palette = {}}), "a");
  EXPECT_EQ(bits.pixels, (Bytes{255, 255, 255, 0, 0, 0, 255, 255, 255}));
}

TEST(Decode, Jpeg) {
  const Bytes pixels = files::gradient(40, 56);
  const Image image = decode_image(files::jpeg_bytes(40, 56, pixels), "a.jpg");
  ASSERT_EQ(image.height, 40);
  ASSERT_EQ(image.width, 56);
  double sum = 0;
  for (size_t at = 0; at < pixels.size(); ++at) sum += std::abs(image.pixels[at] - pixels[at]);
  EXPECT_LE(sum / static_cast<double>(pixels.size()), 3);

  const Image gray = decode_image(files::jpeg_bytes(8, 8, Bytes(64, 77), 1), "a.jpg");
  EXPECT_EQ(gray.pixels.size(), 192u);
  expect_near(gray, 3, 3, {77, 77, 77}, 2);
  EXPECT_EQ(decode_image(files::jpeg_bytes(1, 1, {5, 100, 200}), "a.jpg").pixels.size(), 3u);

  const Image cmyk = decode_image(cmyk_jpeg, "a.jpg");
  ASSERT_EQ(cmyk.height, 8);
  for (const int64_t row : {0, 7}) expect_near(cmyk, row, 5, {205, 44, 125}, 3);
  const Image progressive = decode_image(progressive_jpeg, "a.jpg");
  ASSERT_EQ(progressive.height, 16);
  expect_near(progressive, 3, 3, {22, 88, 224}, 4);
  expect_near(progressive, 12, 12, {196, 62, 25}, 4);
}

TEST(Decode, TruncationAtAnyByteIsAnError) {
  const Bytes pixels = files::gradient(24, 24);
  for (const Bytes& whole : {files::rgb_png(24, 24, pixels), files::jpeg_bytes(24, 24, pixels), progressive_jpeg, cmyk_jpeg}) {
    EXPECT_EQ(fault_of(whole), "");
    for (size_t eighth = 0; eighth < 8; ++eighth)
      EXPECT_NE(fault_of({whole.begin(), whole.begin() + static_cast<long>(whole.size() * eighth / 8)}), "");
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::string fault = fault_of({whole.begin(), whole.begin() + static_cast<long>(size)});
      ASSERT_NE(fault, "") << "cut to " << size << " of " << whole.size();
      if (size >= 8) {
        ASSERT_NE(fault.find(fmt::format("it is truncated after {} bytes", size)), std::string::npos) << fault;
      }
    }
    Bytes longer = whole;  // what follows the end is not the image's
    longer.insert(longer.end(), 100, 0);
    EXPECT_EQ(fault_of(longer), "");
  }
}

TEST(Decode, NotAnImage) {
  expect_fault({}, "empty");
  expect_fault(files::random_bytes(1000, 9), "neither PNG nor JPEG");
  expect_fault(Bytes{'G', 'I', 'F', '8', '9', 'a', 0, 0, 0, 0}, "neither PNG nor JPEG");
  Bytes flipped = files::rgb_png(9, 9, files::random_bytes(243, 2));
  flipped[flipped.size() / 2] ^= 4;
  expect_fault(flipped, "checksum of chunk 'IDAT'");
  expect_fault(files::png_bytes({.width = 0, .height = 1, .samples = {}, .palette = {}}), "some.jpg");
  expect_fault({0xff, 0xd8, 0xff, 0xd9}, "it has no scan");
  Bytes garbage = {0xff, 0xd8, 0xff, 0xe0};
  const Bytes noise = files::random_bytes(500, 4);
  garbage.insert(garbage.end(), noise.begin(), noise.end());
  EXPECT_NE(fault_of(garbage), "");
  // Fewer pixels than the header says, with correct checksums.
  expect_fault(files::png_bytes({.width = 9, .height = 9, .samples = Bytes(9 * 9, 1), .palette = {}}), "not a readable PNG");
}

TEST(Decode, AnOversizedHeaderIsRefusedBeforeDecoding) {
  const auto start = std::chrono::steady_clock::now();
  expect_fault(files::png_bytes({.width = 20000, .height = 20000, .samples = {}, .palette = {}}), "20000 x 20000 pixels");
  Bytes jpeg = files::jpeg_bytes(16, 16, files::gradient(16, 16));
  for (size_t at = 0; at + 9 < jpeg.size(); ++at)
    if (jpeg[at] == 0xff && jpeg[at + 1] == 0xc0) {
      jpeg[at + 5] = jpeg[at + 7] = 20000 >> 8, jpeg[at + 6] = jpeg[at + 8] = 20000 & 255;
    }
  expect_fault(jpeg, "20000 x 20000 pixels");
  jpeg.resize(jpeg.size() / 2);
  EXPECT_NE(fault_of(jpeg), "");
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 5);
}

// A damaged file gives an Error or an image of the size in its header.
TEST(Decode, DamagedFiles) {
  const Bytes pixels = files::gradient(20, 30);
  const Bytes wholes[] = {files::jpeg_bytes(20, 30, pixels), progressive_jpeg, cmyk_jpeg, files::rgb_png(20, 30, pixels)};
  int faults = 0, images = 0;
  for (uint32_t round = 0; round < 2000; ++round) {
    Bytes bytes = wholes[round % 4];
    const auto words = tensor::philox(1, tensor::Stream::test, round);
    for (uint32_t flip = 0; flip <= words[3] % 3; ++flip)
      bytes[tensor::uniform_below(words[flip], static_cast<uint32_t>(bytes.size()))] ^= static_cast<uint8_t>(1u << (words[flip] % 8));
    const std::string fault = message_of([&] {
      const Image image = decode_image(bytes, "x");
      ASSERT_EQ(image.pixels.size(), static_cast<size_t>(image.height * image.width * 3));
      ++images;
    });
    faults += !fault.empty();
  }
  EXPECT_GE(faults, 500);
  EXPECT_GE(images, 100);
}

TEST(Decode, TheContentDecidesNotTheName) {
  const TemporaryDirectory directory;
  const Bytes pixels = files::random_bytes(75, 6);
  EXPECT_EQ(decode_image(directory.write("is_png.jpg", files::rgb_png(5, 5, pixels))).pixels, pixels);
  EXPECT_NE(message_of([&] { decode_image(directory.path() + "/none.png"); }).find("none.png: No such file"), std::string::npos);
  EXPECT_NE(message_of([&] { decode_image(directory.path()); }).find("it is a directory"), std::string::npos);
}

TEST(Decode, RealImages) {
  const char* data = std::getenv("MODE_DATA");
  if (data == nullptr) GTEST_SKIP() << "MODE_DATA does not name a folder with real images";
  const std::filesystem::path folder = std::filesystem::path(data) / "imagenet_samples";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " does not exist";
  int count = 0;
  for (const auto& item : std::filesystem::directory_iterator(folder)) {
    const Image image = decode_image(item.path().string());
    EXPECT_GE(image.height * image.width, 5'000) << item.path();
    const std::string bytes = read_bytes(item.path());
    for (size_t eighth = 0; eighth < 8; ++eighth)
      EXPECT_NE(fault_of({bytes.begin(), bytes.begin() + static_cast<long>(bytes.size() * eighth / 8)}), "") << item.path();
    ++count;
  }
  EXPECT_EQ(count, 20);
}

}  // namespace
