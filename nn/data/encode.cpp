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

void write_png(const std::string& path, const Picture& picture) {
  CHECK(picture.height >= 1 && picture.width >= 1 && picture.height <= 65535 && picture.width <= 65535 &&
            static_cast<int64_t>(picture.pixels.size()) == picture.height * picture.width * 3,
        "cannot write {}: a picture of {} x {} with {} bytes", path, picture.height, picture.width, picture.pixels.size());
  const int width = static_cast<int>(picture.width), height = static_cast<int>(picture.height);
  std::string bytes;
  const auto append = [](void* into, void* data, int size) {
    static_cast<std::string*>(into)->append(static_cast<char*>(data), static_cast<size_t>(size));
  };
  const int done = stbi_write_png_to_func(append, &bytes, width, height, 3, picture.pixels.data(), 3 * width);
  CHECK(done != 0, "cannot write {}: out of memory while it was compressed", path);
  write_file(path, bytes);
}

}  // namespace nn
