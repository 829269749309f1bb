#include "nn/data/image_io.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>

#include "nn/files.h"
#include "nn/text.h"
#include "tensor/check.h"

// The largest allocation of stb is an image of max_pixels with four 16-bit channels. Memory is zeroed, because stb reads tables that a
// damaged file does not define.
static void* allocate_zeroed(size_t bytes) { return bytes > (size_t{1} << 30) ? nullptr : std::calloc(1, bytes); }
static void* reallocate(void* old, size_t bytes) { return bytes > (size_t{1} << 30) ? nullptr : std::realloc(old, bytes); }

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_MALLOC(bytes) allocate_zeroed(bytes)
#define STBI_REALLOC(old, bytes) reallocate(old, bytes)
#define STBI_ASSERT(condition) CHECK(condition, "stb: the image is inconsistent ({}); replace the file", #condition)
#define STBI_FREE(old) std::free(old)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace nn {
namespace {

constexpr int64_t max_file_bytes = int64_t{1} << 29;
// The most pixels that a byte of the file can encode. They bound memory and time by the file size. PNG: deflate expands a byte to at most
// 1032, and a pixel has at least one bit. JPEG: a block of 8 x 8 has at least one bit in its first scan, and 9 blocks cover 32 x 32 pixels.
constexpr int64_t max_pixels_per_png_byte = 1032 * 8, max_pixels_per_jpeg_byte = 1024;
constexpr int max_jpeg_scans = 100;  // encoders write about ten
constexpr uint8_t png_signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

// CRC-32 of PNG (ISO 3309), byte by byte.
uint32_t crc32(const uint8_t* bytes, size_t count) {
  static const auto table = [] {
    std::array<uint32_t, 256> entries;
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0);
      entries[i] = value;
    }
    return entries;
  }();
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < count; ++i) crc = table[(crc ^ bytes[i]) & 255] ^ (crc >> 8);
  return ~crc;
}

uint32_t big_endian32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
}

std::string too_large(int64_t width, int64_t height) {
  return fmt::format("its header claims {} x {} pixels, at most {} million are supported; resize the image", width, height,
                     max_pixels / 1'000'000);
}
std::string truncated(size_t bytes) { return fmt::format("it is truncated after {} bytes; copy the file again", bytes); }

// stb accepts truncated files and fills the rest with gray. So the structure of the file is checked first. Bytes after the end marker are
// ignored, as in other decoders.

// Chunks of length (4 bytes), type (4), data, CRC-32 of type and data (4), up to IEND. Returns the fault, or an empty string.
std::string png_fault(const std::vector<uint8_t>& bytes) {
  for (size_t at = sizeof(png_signature);;) {
    if (bytes.size() - at < 12) return truncated(bytes.size());
    const uint8_t* chunk = bytes.data() + at;
    const uint32_t length = big_endian32(chunk);
    const std::string type(chunk + 4, chunk + 8);
    if (length > 0x7fffffffu) return fmt::format("chunk '{}' at byte {} claims {} bytes", printable(type), at, length);
    if (bytes.size() - at - 12 < length) return truncated(bytes.size());
    if (crc32(chunk + 4, size_t{length} + 4) != big_endian32(chunk + 8 + length))
      return fmt::format("the checksum of chunk '{}' at byte {} is wrong; copy the file again", printable(type), at);
    if (type == "IEND") return {};
    at += size_t{length} + 12;
  }
}

// A segment of Huffman tables, each with class and number (1 byte), the number of codes of 1 .. 16 bits (16 bytes) and their symbols. stb
// trusts the counts and writes past its tables if their sum exceeds 256.
bool huffman_tables_fit(const uint8_t* at, const uint8_t* end) {
  while (at < end) {
    if (end - at < 17) return false;
    const int symbols = std::accumulate(at + 1, at + 17, 0);
    if (symbols > 256 || end - at - 17 < symbols) return false;
    at += 17 + symbols;
  }
  return true;
}

// Segments of marker (FF xx), length (2 bytes, including itself) and data, up to the end-of-image marker (FF D9). The header of a scan (FF DA)
// is followed by coded data, in which FF is followed by 00 or a restart marker.
std::string jpeg_fault(const std::vector<uint8_t>& bytes) {
  const size_t size = bytes.size();
  int scans = 0;
  for (size_t at = 2;;) {
    if (at >= size) return truncated(size);
    if (bytes[at] != 0xff) return fmt::format("no marker at byte {}", at);
    while (at < size && bytes[at] == 0xff) ++at;
    if (at >= size) return truncated(size);
    const uint8_t marker = bytes[at++];
    if (marker == 0xd9) return scans > 0 ? "" : "it has no scan; replace the file";
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;  // markers without a length
    if (marker == 0x00 || marker == 0xd8) return fmt::format("unexpected marker {:02x} at byte {}", marker, at - 1);
    if (size - at < 2) return truncated(size);
    const size_t length = size_t{bytes[at]} << 8 | bytes[at + 1];
    if (length < 2) return fmt::format("segment {:02x} at byte {} claims {} bytes", marker, at - 2, length);
    if (size - at < length) return truncated(size);
    if (marker == 0xc4 && !huffman_tables_fit(bytes.data() + at + 2, bytes.data() + at + length))
      return fmt::format("the Huffman tables at byte {} do not fit their segment", at - 2);
    at += length;
    if (marker != 0xda) continue;
    if (++scans > max_jpeg_scans)
      return fmt::format("it has more than {} scans, each of which decodes the whole image; encode it again", max_jpeg_scans);
    while (at + 1 < size && !(bytes[at] == 0xff && bytes[at + 1] != 0x00 && (bytes[at + 1] < 0xd0 || bytes[at + 1] > 0xd7))) ++at;
    if (at + 1 >= size) return truncated(size);
  }
}

// Composites the value over white, rounded.
uint8_t over_white(int value, int opacity) { return static_cast<uint8_t>((value * opacity + 255 * (255 - opacity) + 127) / 255); }

struct FreePixels {
  void operator()(uint8_t* pixels) const { std::free(pixels); }
};

}  // namespace

ImageFormat image_format(const std::vector<uint8_t>& bytes) {
  if (bytes.size() >= sizeof(png_signature) && std::memcmp(bytes.data(), png_signature, sizeof(png_signature)) == 0)
    return ImageFormat::png;
  if (bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff) return ImageFormat::jpeg;
  return ImageFormat::none;
}

Image decode_image(const std::vector<uint8_t>& bytes, const std::string& name) {
  const auto fail = [&](const std::string& fault) { throw tensor::Error(fmt::format("cannot decode {}: {}", printable(name), fault)); };
  const ImageFormat format = image_format(bytes);
  if (bytes.empty()) fail("the file is empty; replace it");
  if (format == ImageFormat::none) fail("its first bytes are neither PNG nor JPEG; convert the file");
  if (static_cast<int64_t>(bytes.size()) > max_file_bytes) fail(fmt::format("it has more than {} bytes; resize the image", max_file_bytes));
  const bool is_png = format == ImageFormat::png;
  const char* title = is_png ? "PNG" : "JPEG";

  // A JPEG with a faulty structure is not passed to stb at all: stb would write past its tables even while it reads the header. For a PNG,
  // an oversized header is reported before other faults; nothing is allocated for it.
  const std::string fault = is_png ? png_fault(bytes) : jpeg_fault(bytes);
  if (!is_png && !fault.empty()) fail(fault);
  const int count = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  const bool known = stbi_info_from_memory(bytes.data(), count, &width, &height, &channels) != 0;
  const std::string reason = known ? "" : printable(stbi_failure_reason());  // may quote bytes of the file
  if (!known && is_png && bytes.size() >= 24) {                              // stb rejects large sizes without reporting them
    const uint32_t claimed_width = big_endian32(bytes.data() + 16), claimed_height = big_endian32(bytes.data() + 20);
    if (uint64_t{claimed_width} * claimed_height > uint64_t{max_pixels}) fail(too_large(claimed_width, claimed_height));
  }
  if (known && (width < 1 || height < 1)) fail(fmt::format("its header claims {} x {} pixels; replace the file", width, height));
  if (known && int64_t{width} * height > max_pixels) fail(too_large(width, height));
  if (!fault.empty()) fail(fault);
  if (known && int64_t{width} * height / (is_png ? max_pixels_per_png_byte : max_pixels_per_jpeg_byte) > int64_t{count})
    fail(fmt::format("its header claims {} x {} pixels, more than {} bytes can encode", width, height, count));
  if (!known) fail(fmt::format("it is not a readable {} ({})", title, reason));

  const int wanted = is_png ? 4 : 3;
  const std::unique_ptr<uint8_t, FreePixels> pixels(stbi_load_from_memory(bytes.data(), count, &width, &height, &channels, wanted));
  if (pixels == nullptr) fail(fmt::format("it is not a readable {} ({})", title, printable(stbi_failure_reason())));
  Image image{height, width, std::vector<uint8_t>(int64_t{height} * width * 3)};
  if (!is_png) {
    std::memcpy(image.pixels.data(), pixels.get(), image.pixels.size());
    return image;
  }
  const uint8_t* from = pixels.get();
  for (size_t at = 0; at < image.pixels.size(); at += 3, from += 4)
    for (size_t channel = 0; channel < 3; ++channel) image.pixels[at + channel] = over_white(from[channel], from[3]);
  return image;
}

Image decode_image(const std::string& path) { return decode_image(read_file(path, max_file_bytes), path); }

void write_png(const std::string& path, const Image& image) {
  CHECK(image.height >= 1 && image.width >= 1 && image.height <= 65535 && image.width <= 65535 &&
            static_cast<int64_t>(image.pixels.size()) == image.height * image.width * 3,
        "cannot write {}: the image has {} x {} pixels and {} bytes, expected 1 to 65535 each and height x width x 3 bytes", path,
        image.height, image.width, image.pixels.size());
  const int width = static_cast<int>(image.width), height = static_cast<int>(image.height);
  std::string bytes;
  const auto append = [](void* into, void* data, int count) { static_cast<std::string*>(into)->append(static_cast<char*>(data), count); };
  const int done = stbi_write_png_to_func(append, &bytes, width, height, 3, image.pixels.data(), 3 * width);
  CHECK(done != 0, "cannot write {}: PNG compression ran out of memory", path);
  write_file(path, bytes);
}

}  // namespace nn
