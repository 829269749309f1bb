#include "nn/data/encode.h"

#include "nn/safetensors.h"
#include "tensor/check.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace nn {

void write_png(const std::string& path, const Image& image) {
  CHECK(image.height >= 1 && image.width >= 1 && image.height <= 65535 && image.width <= 65535 &&
            static_cast<int64_t>(image.pixels.size()) == image.height * image.width * 3,
        "cannot write {}: an image of {} x {} with {} bytes", path, image.height, image.width, image.pixels.size());
  const int width = static_cast<int>(image.width), height = static_cast<int>(image.height);
  std::string bytes;
  const auto append = [](void* into, void* data, int size) {
    static_cast<std::string*>(into)->append(static_cast<char*>(data), static_cast<size_t>(size));
  };
  const int done = stbi_write_png_to_func(append, &bytes, width, height, 3, image.pixels.data(), 3 * width);
  CHECK(done != 0, "cannot write {}: out of memory while it was compressed", path);
  write_file(path, bytes);
}

}  // namespace nn
