// A second unit: classes with virtual functions, several bases, and the thunks that these bring.
#include "shapes.h"
#include "../c/inlined.h"

namespace {

class Shape {
public:
    Shape() { TOUCH("(anonymous namespace)::Shape::Shape"); }
    virtual ~Shape() { TOUCH("(anonymous namespace)::Shape::~Shape"); }
    virtual int area() const = 0;
    int twice() const {
        TOUCH("(anonymous namespace)::Shape::twice");
        return area() * 2;
    }
};

class Named {
public:
    virtual ~Named() { TOUCH("(anonymous namespace)::Named::~Named"); }
    virtual int name(int n) const {
        TOUCH("(anonymous namespace)::Named::name");
        return n;
    }
};

class Square final : public Shape, public Named {
    int size;

public:
    explicit Square(int given) : size(given) { TOUCH("(anonymous namespace)::Square::Square"); }
    ~Square() override { TOUCH("(anonymous namespace)::Square::~Square"); }
    int area() const override {
        TOUCH("(anonymous namespace)::Square::area");
        return size * size;
    }
    NOINLINE int name(int n) const override {
        TOUCH("(anonymous namespace)::Square::name");
        return Named::name(n) + size;
    }
};

NOINLINE int through_second_base(const Named &named) {
    int result = named.name(2);
    TOUCH("(anonymous namespace)::through_second_base");
    return result;
}

} // namespace

void shapes(int n) {
    Square *square = new Square(n);
    int (Shape::*method)() const = &Shape::twice;
    touched += (square->*method)() + through_second_base(*square);
    inlined(n);
    TOUCH("shapes");
    Shape *shape = square;
    delete shape;
    TOUCH("shapes");
}
